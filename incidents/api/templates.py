"""Templates of updates: list, add."""

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext_noop
from ninja import Router

from .. import operations
from ..models import UpdateTemplate
from ..operations.templates import TemplateFields
from ..statuspage_api import phase_of
from . import answers, schemas, shapes
from .answers import as_json, documented
from .idempotency import once
from .requests import actor
from .statements import text_of

router = Router(tags=["incident templates"])


@router.get("", response=documented(list[answers.IncidentTemplate]), summary=gettext_noop("The templates of updates"))
def listed(request: HttpRequest) -> Any:
    actor(request).needs("incidents.view_updatetemplate")
    return as_json([shapes.template(row) for row in UpdateTemplate.objects.in_order()])


@router.post(
    "", response=documented(answers.IncidentTemplate, HTTPStatus.CREATED), summary=gettext_noop("Add a template")
)
def added(request: HttpRequest, body: schemas.TemplateBody) -> Any:
    """`update_status` also says whether it is for incidents or for maintenance."""

    def add() -> Any:
        return shapes.template(operations.add_template(fields=_fields(body.template), by=actor(request)))

    return once(request, HTTPStatus.CREATED, add)


def _fields(given: schemas.GivenTemplate) -> TemplateFields:
    phase, others = phase_of(given.update_status), given.translations
    return {
        "kind": phase.kind,
        "phase": phase,
        "name": text_of(given.name, others, "name"),
        "title": text_of(given.title, others, "title"),
        "text": text_of(given.body, others, "body"),
    }
