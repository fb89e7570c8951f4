"""Components: list, add, change, hide."""

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_noop
from ninja import Router

from .. import operations
from ..models import Component, ComponentGroup
from ..operations.components import ComponentFields
from ..text import Text
from . import answers, schemas, shapes
from .answers import as_json, documented
from .idempotency import once
from .requests import actor, needs_to_see_components
from .statements import changed_text

router = Router(tags=["components"])


@router.get(
    "/components", response=documented(list[answers.ApiComponent]), summary=gettext_noop("The public components")
)
def listed(request: HttpRequest) -> Any:
    needs_to_see_components(request)
    return as_json(shapes.components(Component.objects.public().in_page_order()))


@router.get(
    "/components/{component_id}", response=documented(answers.ApiComponent), summary=gettext_noop("One component")
)
def one(request: HttpRequest, component_id: str) -> Any:
    needs_to_see_components(request)
    return as_json(shapes.component(_find(component_id)))


@router.post(
    "/components",
    response=documented(answers.ApiComponent, HTTPStatus.CREATED),
    summary=gettext_noop("Add a component"),
)
def added(request: HttpRequest, body: schemas.ComponentBody) -> Any:
    def add() -> Any:
        given, fields = body.component, _fields(body.component)
        row = operations.add_component(fields=fields, by=actor(request))
        if given.status is not None and given.status != row.status:
            row = operations.set_component_status(component=row, status=given.status, by=actor(request))
        return shapes.component(row)

    return once(request, HTTPStatus.CREATED, add)


@router.api_operation(
    ["PATCH", "PUT"],
    "/components/{component_id}",
    response=documented(answers.ApiComponent),
    summary=gettext_noop("Change a component, or set its status"),
)
def changed(request: HttpRequest, component_id: str, body: schemas.ComponentBody) -> Any:
    """`status` holds until the next one set by hand; an incident that is worse decides what readers see."""

    def change() -> Any:
        row, given = _find(component_id), body.component
        if fields := _fields(given, row):
            row = operations.edit_component(component=row, fields=fields, by=actor(request))
        if given.status is not None:
            row = operations.set_component_status(component=row, status=given.status, by=actor(request))
        return shapes.component(row)

    return once(request, HTTPStatus.OK, change)


@router.delete(
    "/components/{component_id}",
    response=documented(None, HTTPStatus.NO_CONTENT),
    summary=gettext_noop("Hide a component"),
)
def hidden(request: HttpRequest, component_id: str) -> HttpResponse:
    """It disappears from the page. Incidents keep what they said of it."""

    def hide() -> None:
        operations.edit_component(component=_find(component_id), fields={"hidden": True}, by=actor(request))

    return once(request, HTTPStatus.NO_CONTENT, hide)


def _find(component_id: str) -> Component:
    return get_object_or_404(Component.objects.public(), pk=component_id)


def _fields(given: schemas.GivenComponent, row: Component | None = None) -> ComponentFields:
    # What the body changes; languages that it does not have stay.
    fields: ComponentFields = {}
    if given.name is not None:
        fields["name"] = changed_text(row.name if row else Text(), given.name, given.translations, "name")
    if given.description is not None:
        fields["description"] = changed_text(
            row.description if row else Text(), given.description, given.translations, "description"
        )
    if given.group_id is not None:
        fields["group"] = get_object_or_404(ComponentGroup, pk=given.group_id) if given.group_id else None
    if given.start_date is not None:
        fields["start_date"] = given.start_date
    return fields
