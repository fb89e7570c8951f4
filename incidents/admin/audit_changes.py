"""What an entry of the audit log says has changed, field by field, as staff read it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.exceptions import FieldDoesNotExist
from django.db.models import DateTimeField, Field
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from ..formats import moment
from ..labels import COMPONENT_STATUSES
from ..models import AuditEntry, Component
from ..wording import language_name, listed, words
from .differences import Part, differences, shortened
from .versions import ChangedValue

_APPS = ("incidents", "auth")


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
    label = capfirst(str(field.verbose_name) if field else name.replace("_", " "))
    before, after = entry.before.get(name), entry.after.get(name)
    if _is_localized(before) and _is_localized(after) and (before or after):
        yield from _each_language(label, before or {}, after or {})
        return
    names = _component_names(before, after)
    old, new = (_worded(field, value, names) for value in (before, after))
    if old == new == "":
        return
    is_text = isinstance(before, str) and isinstance(after, str) and not (field and field.flatchoices)
    replaced = [Part(kind, text) for kind, text in (("removed", old), ("added", new)) if text]  # type: ignore[arg-type]
    parts = shortened(differences(old, new)) if is_text and not isinstance(field, DateTimeField) else replaced
    yield ChangedValue(label, "", parts)


def _each_language(label: str, before: dict[str, str], after: dict[str, str]) -> Iterator[ChangedValue]:
    for code in {**before, **after}:
        old, new = before.get(code, ""), after.get(code, "")
        if old != new:
            yield ChangedValue(f"{label}, {language_name(code)}", code, shortened(differences(old, new)))


def _is_localized(value: Any) -> bool:
    codes = {code for code, _name in settings.LANGUAGES}
    return value in (None, "") or (isinstance(value, dict) and codes >= set(value))


def _worded(field: "Field[Any, Any] | None", value: Any, components: dict[str, str]) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if isinstance(value, list):
        return listed([_worded(field, one, components) for one in value])
    if isinstance(value, dict):
        # The statuses of components by id, or any other values by name.
        return "\n".join(f"{components.get(key, key)}: {_status(one)}" for key, one in value.items())
    if isinstance(field, DateTimeField):
        return _time(str(value))
    choices = dict(field.flatchoices) if field else {}
    return str(choices.get(value, value))


def _status(value: Any) -> str:
    return str(COMPONENT_STATUSES.get(value, value))


def _time(value: str) -> str:
    try:
        return moment(datetime.fromisoformat(value))
    except ValueError:
        return value


def _component_names(*values: Any) -> dict[str, str]:
    keys = {key for value in values if isinstance(value, dict) for key in value}
    return {key: words(component.name) for key, component in Component.objects.in_bulk(keys).items()} if keys else {}


def _model(kind: str) -> Any:
    models = (apps.all_models[app].get(kind) for app in _APPS)
    return next((model for model in models if model), None)


def _field(kind: str, name: str) -> "Field[Any, Any] | None":
    model = _model(kind)
    try:
        field = model._meta.get_field(name) if model else None
    except FieldDoesNotExist:
        return None
    return field if isinstance(field, Field) else None
