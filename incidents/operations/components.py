"""Verbs for components and their groups."""

from datetime import date, datetime
from typing import Any, TypedDict

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..merging import Snapshot
from ..models import Component, ComponentGroup, ManualStatus
from ..publishing import stale
from ..staff import rights
from ..staff.actors import Actor
from ..status import ComponentStatus
from ..text import Text
from . import snapshots
from .keys import free_slug, new_key, settle_keys
from .recording import verb
from .statements import TOLERANCE, in_utc
from .statuses import rebuild_statuses


class ComponentFields(TypedDict, total=False):
    """The fields of a component that staff write; missing keys stay unchanged."""

    name: Text
    description: Text
    slug: str
    group: ComponentGroup | None
    position: int
    hidden: bool
    start_date: date | None


class GroupFields(TypedDict, total=False):
    key: str
    name: Text
    description: Text
    position: int


@verb
def add_component(*, fields: ComponentFields, by: Actor) -> Component:
    """Create an operational component. Without a slug, one is made from its name."""
    by.needs(rights.ADD_COMPONENT)
    component = Component(**fields)
    component.slug = component.slug or _free_slug(component.name)
    component.full_clean()
    component.save()
    stale.mark_page()
    return component


@verb
def edit_component(
    *, component: Component, fields: ComponentFields, by: Actor, opened: Snapshot | None = None
) -> Component:
    """Change the given fields; the status is not one of them. Any document may show its name.

    Raises Collision if its form was opened on other values.
    """
    by.needs(rights.CHANGE_COMPONENT)
    component = Component.objects.select_for_update().get(pk=component.pk)
    snapshots.check_unchanged(opened, snapshots.of_component(component))
    stale.mark_components([component])  # its previous place on the page, too
    _set(component, dict(fields))
    component.slug = component.slug or _free_slug(component.name)
    component.full_clean()
    component.save()
    stale.mark_page()
    return component


@verb
def add_group(*, fields: GroupFields, by: Actor) -> ComponentGroup:
    by.needs(rights.ADD_GROUP)
    settle_keys(ComponentGroup)
    group = ComponentGroup(**fields)
    group.key = group.key or new_key(group)
    group.full_clean()
    group.save()
    stale.mark_page()
    return group


@verb
def edit_group(
    *, group: ComponentGroup, fields: GroupFields, by: Actor, opened: Snapshot | None = None
) -> ComponentGroup:
    """Change the given fields. Raises Collision if its form was opened on other values."""
    by.needs(rights.CHANGE_GROUP)
    settle_keys(ComponentGroup)
    group = ComponentGroup.objects.select_for_update().get(pk=group.pk)
    snapshots.check_unchanged(opened, snapshots.of_group(group))
    _set(group, dict(fields))
    group.full_clean()
    group.save()
    stale.mark_page()
    return group


@verb
def remove_group(*, group: ComponentGroup, by: Actor) -> None:
    """Delete a group; its components stay, without one."""
    by.needs(rights.DELETE_GROUP)
    settle_keys(ComponentGroup)
    group.delete()
    stale.mark_page()


@verb
def set_component_status(
    *,
    component: Component,
    status: ComponentStatus,
    at: datetime | None = None,
    by: Actor,
    opened: Snapshot | None = None,
) -> Component:
    """Set a component's status by hand, outside any incident, from `at` until the next one set by hand.

    An incident that is worse decides what readers see: the component returned has the status that they see.
    Only webhooks are notified of it. Raises Collision if it had another status than in the list that it was chosen in.
    """
    by.needs(rights.SET_STATUS)
    if opened is not None:
        locked = Component.objects.select_for_update(no_key=True).get(pk=component.pk)
        snapshots.check_unchanged(opened, snapshots.of_status(locked))
    at = in_utc(at or timezone.now())
    if at > timezone.now() + TOLERANCE:
        raise ValidationError({"at": _("This time is in the future.")})
    ManualStatus.objects.create(component=component, status=status, at=at, author_id=by.user_id)
    rebuild_statuses(components=[component.pk], since=at, announce=True)
    component.refresh_from_db()
    return component


def _set(row: Component | ComponentGroup, fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        setattr(row, name, value)


def _free_slug(name: Text) -> str:
    return free_slug(name, set(Component.objects.values_list("slug", flat=True)), "component")
