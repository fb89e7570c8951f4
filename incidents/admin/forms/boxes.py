"""The boxes of a form as a snapshot names them, and their values in words."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from ...formats import moment
from ...labels import PHASES
from ...models.fields import LocalizedFormField
from ...wording import language_name
from .fields import MomentField


def boxes_of(fields: Mapping[str, forms.Field]) -> Iterator[tuple[str, forms.Field, str]]:
    """Yield the name of each box, its field and its language, which is "" for what is not localized."""
    for name, box in fields.items():
        if isinstance(box, LocalizedFormField):
            yield from ((f"{name}_{code}", box, code) for code, _name in settings.LANGUAGES)
        else:
            yield name, box, ""


def label_of(box: forms.Field, code: str) -> str:
    """Return “Text, Danish”, or the label alone."""
    return f"{box.label}, {language_name(code)}" if code else str(box.label)


def is_status(key: str) -> bool:
    """Whether a box has the status of a component."""
    return key.startswith("component-")


def worded(box: forms.Field, value: str) -> str:
    """Return the value of a box as a person reads it; a time may be in UTC (ISO 8601)."""
    if isinstance(box, forms.BooleanField):
        return _("Yes") if value else _("No")
    if isinstance(box, forms.ChoiceField):
        return _choice(box.choices, value) or str(PHASES.get(value, value or "–"))  # type: ignore[arg-type, call-overload]
    if isinstance(box, MomentField) and value:
        try:
            return moment(box.clean(value))
        except ValidationError:
            return value
    return value or "–"


def _choice(choices: Iterable[tuple[Any, Any]], value: str) -> str:
    for key, label in choices:
        if isinstance(label, list | tuple):
            if found := _choice(label, value):
                return found
        elif str(key) == value:
            return str(label)
    return ""
