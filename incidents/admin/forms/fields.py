"""Shared form fields: a date and time in the page's time zone, and fields made from a model."""

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

# Outside these years it is a typing error, such as 0202.
EARLIEST, LATEST = 2000, 2999


class MomentField(forms.DateTimeField):
    """A date and time in the active time zone, with the browser's own picker.

    An hour that occurs twice (when summer time ends) is read as the one nearer to now. An
    hour that does not exist is an error, and so is a year outside EARLIEST to LATEST.
    """

    def __init__(self, **kwargs: Any) -> None:
        picker = forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
        super().__init__(**{"widget": picker, "required": False, **kwargs})

    def to_python(self, value: Any) -> datetime | None:
        if not isinstance(value, str) or not value.strip():
            return super().to_python(value)
        try:
            naive = parse_datetime(value.strip())
        except ValueError:
            naive = None
        if naive is None:
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        if not EARLIEST <= naive.year <= LATEST:
            years = {"earliest": EARLIEST, "latest": LATEST}
            raise ValidationError(_("Choose a time in the years %(earliest)s to %(latest)s."), "year", years)
        moment = nearest(naive) if timezone.is_naive(naive) else naive
        return moment.astimezone(UTC)  # two times of one zone are compared and subtracted without their offsets

    def has_changed(self, initial: Any, data: Any) -> bool:
        # Whether the input differs from the initial value; the box shows neither seconds nor a time zone.
        shown = self.widget.format_value(self.prepare_value(initial)) or ""
        return bool(shown != (data or ""))


def nearest(naive: datetime) -> datetime:
    """That local time in the active time zone. Raises ValidationError if summer time skips it."""
    zone, now = timezone.get_current_timezone(), timezone.now()
    readings = [naive.replace(tzinfo=zone, fold=fold) for fold in (0, 1)]
    real = [moment for moment in readings if timezone.make_naive(moment.astimezone(UTC), zone) == naive]
    if not real:
        raise ValidationError(_("This time does not exist: the clocks skip it when summer time begins."))
    return min(real, key=lambda moment: abs(moment.astimezone(UTC) - now))


def explain_markup(box: forms.Field) -> None:
    """Show help on Markdown below the boxes of a localized field."""
    box.widget.explains_markup = True


def model_fields(model: type[models.Model], *names: str) -> dict[str, forms.Field]:
    """Form fields with the labels, help and choices of the model's own."""
    return forms.fields_for_model(model, fields=names, formfield_callback=_box)


def _box(field: Any, **kwargs: Any) -> forms.Field | None:
    label, required = capfirst(str(field.verbose_name)), not field.blank
    if isinstance(field, models.DateTimeField):
        return MomentField(label=label, help_text=field.help_text, required=required)
    if isinstance(field, models.URLField):
        kwargs["assume_scheme"] = "https"
    box: forms.Field | None = field.formfield(**kwargs)
    if box is not None and isinstance(box.widget, forms.Textarea):
        box.widget.attrs.pop("maxlength", None)  # a browser would silently truncate pasted text
        box.widget.attrs["rows"] = 5
    return box
