"""What an entry of the audit log says has changed, field by field, as staff read it."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import FieldDoesNotExist
from django.db.models import CharField, DateField, DateTimeField, Field, ForeignKey, Q, TextField
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..formats import day, moment
from ..labels import COMPONENT_STATUSES
from ..models import AuditEntry, Component, Update
from ..models.fields import LocalizedField
from ..text import Text
from ..wording import language_name, listed, words
from .differences import Part, differences, shortened
from .versions import ChangedValue

_Field = Field[Any, Any]

_APPS = ("incidents", "auth")
# Of what is recorded, but is no field with a name of its own.
_LABELS = {
    "components": gettext_lazy("Components"),
    "set_by_hand": gettext_lazy("Status set by hand"),
    "groups": gettext_lazy("Roles"),
    "sessions_ended": gettext_lazy("Sessions ended"),
}


def kind_name(kind: str) -> str:
    """Return the name of a kind of object; one that no longer exists is named as it was recorded."""
    model = _model(kind)
    return str(model._meta.verbose_name) if model else kind


def changes_of(entry: AuditEntry) -> list[ChangedValue]:
    """Return each field that differs, a localized text once per language."""
    names = list({**entry.before, **entry.after})
    return [change for name in names for change in _changes(entry, name)]


def _changes(entry: AuditEntry, name: str) -> Iterator[ChangedValue]:
    field = _field(entry.kind, name)
    label = capfirst(str(_LABELS.get(name) or (field.verbose_name if field else name.replace("_", " "))))
    before, after = entry.before.get(name), entry.after.get(name)
    if _is_localized(field, before) and _is_localized(field, after) and (before or after):
        yield from _each_language(label, before or {}, after or {})
        return
    components = _component_names(before, after)
    old, new = (_worded(name, field, value, components) for value in (before, after))
    if old == new == "":
        return
    replaced = [Part(kind, text) for kind, text in (("removed", old), ("added", new)) if text]  # type: ignore[arg-type]
    yield ChangedValue(label, "", shortened(differences(old, new)) if _is_prose(field) and old and new else replaced)


def _each_language(label: str, before: dict[str, str], after: dict[str, str]) -> Iterator[ChangedValue]:
    for code in {**before, **after}:
        old, new = before.get(code, ""), after.get(code, "")
        if old != new:
            yield ChangedValue(f"{label}, {language_name(code)}", code, shortened(differences(old, new)))


def _is_localized(field: _Field | None, value: Any) -> bool:
    if field:
        return isinstance(field, LocalizedField)
    codes = {code for code, _name in settings.LANGUAGES}
    return value in (None, "") or (isinstance(value, dict) and codes >= set(value))


def _is_prose(field: _Field | None) -> bool:
    # Other values are exchanged as a whole.
    return isinstance(field, CharField | TextField) and not field.choices


def _worded(name: str, field: _Field | None, value: Any, components: dict[str, str]) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if isinstance(value, list):
        return listed([_worded(name, field, one, components) for one in value])
    if isinstance(value, dict):
        # The statuses of components, or other values by name.
        return "\n".join(
            f"{components.get(key, key)}: {COMPONENT_STATUSES.get(one, one)}" for key, one in value.items()
        )
    if name == "set_by_hand":
        return str(COMPONENT_STATUSES.get(value, value))
    return _of_field(field, value) if field else str(value)


def _of_field(field: _Field, value: Any) -> str:
    if isinstance(field, DateField):
        return _time(field, str(value))
    if isinstance(field, ForeignKey):
        row = field.related_model._base_manager.filter(pk=value).first()
        if isinstance(row, AbstractBaseUser):
            return row.get_username()
        return words(name) if isinstance(name := getattr(row, "name", None), Text) else str(value)
    single = field.base_field if isinstance(field, ArrayField) else field
    return str(dict(single.flatchoices).get(value, value))


def _time(field: _Field, value: str) -> str:
    try:
        return (
            moment(datetime.fromisoformat(value))
            if isinstance(field, DateTimeField)
            else day(date.fromisoformat(value))
        )
    except ValueError:
        return value


def _component_names(*values: Any) -> dict[str, str]:
    # By id and by short name.
    keys = {key for value in values if isinstance(value, dict) for key in value}
    found = Component.objects.filter(Q(pk__in=keys) | Q(slug__in=keys)) if keys else Component.objects.none()
    return {key: words(component.name) for component in found for key in (component.pk, component.slug)}


def _model(kind: str) -> Any:
    models = (apps.all_models[app].get(kind) for app in _APPS)
    return next((model for model in models if model), None)


def _field(kind: str, name: str) -> _Field | None:
    # The entry of a new incident has the fields of its first update, too.
    for model in (_model(kind), Update if kind == "incident" else None):
        try:
            field = model._meta.get_field(name) if model else None
        except FieldDoesNotExist:
            continue
        if isinstance(field, Field):
            return field
    return None
