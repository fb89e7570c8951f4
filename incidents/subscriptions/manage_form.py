"""The form of a subscription's page: choices, pause, time zone, single incidents."""

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .. import time_zones
from ..models import Page, Subscriber
from . import following
from .forms import ALL, SOME, ChoicesForm

MAX_PAUSE = timedelta(days=366)
_AREAS = ("Africa/", "America/", "Antarctica/", "Asia/", "Atlantic/", "Australia/", "Europe/", "Indian/", "Pacific/")


class ManageForm(ChoicesForm):
    paused_until = forms.DateField(
        label=_("Send nothing before"),
        required=False,
        help_text=_("Leave it empty to be notified of everything immediately."),
        error_messages={"invalid": _("Enter the date as year-month-day, such as 2026-12-31.")},
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        input_formats=["%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%d-%m-%Y"],
    )
    time_zone = forms.ChoiceField(
        label=_("Time zone in the emails"),
        required=False,
        error_messages={"invalid_choice": _("Choose one of the time zones in the list.")},
    )
    incidents = forms.MultipleChoiceField(
        required=False,
        error_messages={"invalid_choice": _("One of the incidents is over. Please check your selection.")},
    )

    def __init__(self, *args: Any, subscriber: Subscriber, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not subscriber.is_mail:
            self.fields["language"].label, self.fields["time_zone"].label = _("Language"), _("Time zone")
        self.kept = tuple(subscriber.components.filter(hidden=True))
        self.incident_options = [choice.incident for choice in following.public_choices(subscriber)]
        self.fields["incidents"].choices = [(one.pk, one.pk) for one in self.incident_options]  # type: ignore[attr-defined]
        self.fields["time_zone"].choices = _zones()  # type: ignore[attr-defined]

    def followed(self) -> set[str]:
        """Return the ids of the ticked incidents, for the template."""
        return set(self["incidents"].value() or ())

    def wants_something(self) -> bool:
        return super().wants_something() or bool(self.cleaned_data.get("incidents"))

    @classmethod
    def of(cls, subscriber: Subscriber) -> "ManageForm":
        """Return the form with the subscriber's current choices."""
        chosen = list(subscriber.components.values_list("pk", flat=True))
        paused = subscriber.paused_until
        return cls(
            subscriber=subscriber,
            initial={
                "language": subscriber.reading_language,
                "wants_incidents": subscriber.wants_incidents,
                "wants_maintenance": subscriber.wants_maintenance,
                "scope": SOME if chosen else ALL,
                "components": chosen,
                "time_zone": subscriber.time_zone,
                "incidents": [choice.incident_id for choice in following.public_choices(subscriber) if choice.told],
                "paused_until": paused.astimezone(_zone()).date() if paused and paused > timezone.now() else None,
            },
        )

    def clean_paused_until(self) -> datetime | None:
        day: date | None = self.cleaned_data["paused_until"]
        if day is None:
            return None
        until = datetime.combine(day, time.min, tzinfo=_zone())
        if until <= timezone.now():
            raise ValidationError(_("Choose a day in the future."), code="past")
        if until > timezone.now() + MAX_PAUSE:
            raise ValidationError(_("Choose a day within a year; for a longer pause, unsubscribe."), code="far")
        return until


def _zones() -> list[tuple[str, str]]:
    # Return the page's own time zone, UTC, and the zones named after places.
    own = _("As on the page: %(zone)s") % {"zone": Page.objects.brief().time_zone}
    named = sorted(name for name in time_zones.names() if name.startswith(_AREAS))
    return [("", own), ("UTC", "UTC"), *((name, name.replace("_", " ")) for name in named)]


def _zone() -> ZoneInfo:
    return ZoneInfo(Page.objects.brief().time_zone)
