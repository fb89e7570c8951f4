"""Groups of components: list, add, change, delete."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Prefetch
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from ninja import Router

from .. import operations
from ..models import Component, ComponentGroup
from ..operations.components import GroupFields
from ..staff.actors import Actor
from ..text import Text
from . import answers, schemas, shapes
from .answers import as_json, documented
from .idempotency import once
from .requests import actor, needs_to_see_components
from .statements import changed_text

router = Router(tags=["component groups"])
_ONE = documented(answers.ApiComponentGroup)
_ADDED = documented(answers.ApiComponentGroup, HTTPStatus.CREATED)


@router.get("", response=documented(list[answers.ApiComponentGroup]), summary=gettext_noop("The groups of components"))
def listed(request: HttpRequest) -> Any:
    needs_to_see_components(request)
    return as_json([shapes.group(row) for row in _groups().order_by("position", "pk")])


@router.get("/{group_id}", response=_ONE, summary=gettext_noop("One group of components"))
def one(request: HttpRequest, group_id: str) -> Any:
    needs_to_see_components(request)
    return as_json(shapes.group(_find(group_id)))


@router.post("", response=_ADDED, summary=gettext_noop("Add a group of components"))
def added(request: HttpRequest, body: schemas.GroupBody) -> Any:
    """`components` leave the groups that they were in."""

    def add() -> Any:
        row = operations.add_group(fields={"name": Text(), **_fields(body, None)}, by=actor(request))
        _put_together(row, body.component_group.components or [], actor(request))
        return shapes.group(_find(row.pk))

    return once(request, HTTPStatus.CREATED, add)


@router.api_operation(
    ["PATCH", "PUT"],
    "/{group_id}",
    response=documented(answers.ApiComponentGroup),
    summary=gettext_noop("Change a group of components"),
)
def changed(request: HttpRequest, group_id: str, body: schemas.GroupBody) -> Any:
    """With `components`, those that it does not name leave the group."""

    def change() -> Any:
        row = _find(group_id)
        operations.edit_group(group=row, fields=_fields(body, row), by=actor(request))
        if body.component_group.components is not None:
            _put_together(row, body.component_group.components, actor(request))
        return shapes.group(_find(group_id))

    return once(request, HTTPStatus.OK, change)


@router.delete("/{group_id}", response=_ONE, summary=gettext_noop("Delete a group of components"))
def deleted(request: HttpRequest, group_id: str) -> Any:
    """Its components stay, without a group."""

    def delete() -> Any:
        row = _find(group_id)
        answer = shapes.group(row)
        operations.remove_group(group=row, by=actor(request))
        return answer

    return once(request, HTTPStatus.OK, delete)


def _groups() -> Any:
    shown = Component.objects.public().order_by("position", "pk")
    return ComponentGroup.objects.prefetch_related(Prefetch("components", shown, to_attr="shown"))


def _find(group_id: str) -> ComponentGroup:
    found: ComponentGroup = get_object_or_404(_groups(), pk=group_id)
    return found


def _put_together(row: ComponentGroup, wanted: Sequence[str], by: Actor) -> None:
    # Hidden components are not in what programs see of a group, so they stay in it.
    known = {one.pk: one for one in Component.objects.public().filter(pk__in=wanted)}
    if unknown := sorted(set(wanted) - set(known)):
        raise ValidationError({"components": _("There is no component with the id “%s”.") % unknown[0][:40]})
    for one in row.components.filter(hidden=False).exclude(pk__in=wanted).order_by("pk"):
        operations.edit_component(component=one, fields={"group": None}, by=by)
    for _pk, one in sorted(known.items()):
        if one.group_id != row.pk:
            operations.edit_component(component=one, fields={"group": row}, by=by)


def _fields(body: schemas.GroupBody, row: ComponentGroup | None) -> GroupFields:
    given, fields = body.component_group, GroupFields()
    # The original has the description beside the group, not in it.
    description = given.description if given.description is not None else body.description
    if given.name is not None or any(one.name for one in given.translations.values()):
        fields["name"] = changed_text(row.name if row else Text(), given.name, given.translations, "name")
    if description is not None or any(one.description for one in given.translations.values()):
        before = row.description if row else Text()
        fields["description"] = changed_text(before, description, given.translations, "description")
    return fields
