"""The URLs of the newsroom's own pages."""

import re

from django.http import HttpRequest
from django.urls import register_converter, reverse
from django.urls.converters import StringConverter

from ..models import Incident
from ..models.ids import LENGTH

ID = rf"[a-z0-9]{{{LENGTH}}}"
NUL = "\x00"


class IdConverter(StringConverter):
    """`<id:…>` in a route."""

    regex = ID


register_converter(IdConverter, "id")


def incident_page(incident: Incident, step: str = "change", *args: object) -> str:
    """The path of a page about an incident: `change` is its main page; the others are actions on it."""
    return reverse(f"admin:incidents_{incident.kind}_{step}", args=[incident.pk, *args])


def subscriber_page(pk: str) -> str:
    return reverse("admin:incidents_subscriber_change", args=[pk])


def list_page(model: str, query: str = "") -> str:
    return reverse(f"admin:incidents_{model}_changelist") + (f"?{query}" if query else "")


def is_id(value: str) -> bool:
    """Whether a value has the form of an id. PostgreSQL raises an error for some that do not."""
    return re.fullmatch(ID, value) is not None


def is_storable(request: HttpRequest) -> bool:
    """Whether the URL can be used in a query: PostgreSQL's text cannot hold NUL."""
    given = [request.path, *(value for _name, values in request.GET.lists() for value in values)]
    return not any(NUL in value for value in given)
