"""What the functions of the API ask of a request."""

from typing import Any, cast

from django.http import HttpRequest

from ..staff.actors import Actor
from ..status import Kind


def actor(request: HttpRequest) -> Actor:
    """Who acts: `authenticate` has found out."""
    return cast(Actor, cast(Any, request).auth)


def needs_to_see_incidents(request: HttpRequest) -> None:
    """Raise PermissionDenied unless the token may read incidents and maintenance."""
    for kind in Kind:
        actor(request).needs(f"incidents.view_{kind}")


def needs_to_see_components(request: HttpRequest) -> None:
    actor(request).needs("incidents.view_component")
