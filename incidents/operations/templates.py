"""Verbs for templates: texts that staff prepare in advance."""

from typing import TypedDict

from django.core.exceptions import ValidationError
from django.db.models import ProtectedError
from django.utils.translation import gettext_lazy as _

from ..merging import Snapshot
from ..models import UpdateTemplate
from ..staff import rights
from ..staff.actors import Actor
from ..status import Kind, phases_of
from ..text import Text
from . import placeholders, snapshots
from .keys import new_key, settle_keys
from .recording import verb


class TemplateFields(TypedDict, total=False):
    """The fields of a template; missing keys stay unchanged."""

    key: str
    kind: str
    phase: str
    name: Text
    title: Text
    text: Text
    position: int


@verb
def add_template(*, fields: TemplateFields, by: Actor) -> UpdateTemplate:
    by.needs(rights.ADD_TEMPLATE)
    settle_keys(UpdateTemplate)
    return _store(UpdateTemplate(), fields)


@verb
def edit_template(
    *, template: UpdateTemplate, fields: TemplateFields, by: Actor, opened: Snapshot | None = None
) -> UpdateTemplate:
    """Change the given fields. Raises Collision if its form was opened on another text."""
    by.needs(rights.CHANGE_TEMPLATE)
    settle_keys(UpdateTemplate)
    template = UpdateTemplate.objects.select_for_update().get(pk=template.pk)
    snapshots.check_unchanged(opened, snapshots.of_template(template))
    return _store(template, fields)


@verb
def remove_template(*, template: UpdateTemplate, by: Actor) -> None:
    """Delete a template; updates written with it stay. Raises ValidationError if an alert rule uses it."""
    by.needs(rights.DELETE_TEMPLATE)
    settle_keys(UpdateTemplate)
    try:
        template.delete()
    except ProtectedError as error:
        raise ValidationError(_("The template “%s” is used by an alert rule.") % template) from error


def _store(template: UpdateTemplate, fields: TemplateFields) -> UpdateTemplate:
    for name, value in fields.items():
        setattr(template, name, value)
    template.key = template.key or new_key(template)
    check_template(template)
    template.save()
    return template


def check_template(template: UpdateTemplate) -> None:
    """Raises ValidationError by field."""
    if template.kind in set(Kind) and template.phase not in phases_of(Kind(template.kind)):
        raise ValidationError({"phase": _("This phase does not belong to the kind chosen above.")})
    for name in ("title", "text"):
        if wrong := placeholders.unknown(getattr(template, name)):
            message = _("There is no placeholder {%(name)s}. There are: %(known)s.")
            known = ", ".join(f"{{{one}}}" for one in placeholders.NAMES)
            raise ValidationError({name: ValidationError(message, params={"name": wrong[0], "known": known})})
    template.full_clean(validate_constraints=False)
