"""The public forms. They need no cookie, and keep the input when it is invalid."""

from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from .. import guard
from ..models import Component, ComponentGroup, Page, Subscriber
from . import addresses, following, form_stamps
from .lifecycle import Choices

ALL, SOME = "all", "some"
MAX_PAUSE = timedelta(days=366)
_BAD_URLS = {
    "scheme": _("The address must begin with https://."),
    "credentials": _("The address must not contain a user name or a password."),
    "port": _("Only the ports 443 and 8443 can be used."),
    "private": _("This address is not on the internet."),
    "long": _("The address is too long: at most 500 characters."),
    "invalid": _("This does not look like an address. Write it like https://example.com/hook."),
}
_AREAS = ("Africa/", "America/", "Antarctica/", "Asia/", "Atlantic/", "Australia/", "Europe/", "Indian/", "Pacific/")


class AddressForm(forms.Form):
    """An email address. `subject` is a honeypot: it is hidden from people."""

    address = forms.CharField(
        label=_("Your email address"),
        max_length=320,
        error_messages={"required": _("Write your email address.")},
        widget=forms.EmailInput(attrs={"autocomplete": "email", "inputmode": "email", "spellcheck": "false"}),
    )
    subject = forms.CharField(required=False, widget=forms.TextInput(attrs={"autocomplete": "off", "tabindex": "-1"}))

    def clean_address(self) -> str:
        return addresses.normalise(self.cleaned_data["address"])

    def clean_subject(self) -> str:
        if self.cleaned_data["subject"]:
            raise ValidationError(
                _("A hidden field was filled in, perhaps by your browser. It is empty now: please send it again."),
                code="trap",
            )
        return ""


class LanguageForm(forms.Form):
    language = forms.ChoiceField(
        label=_("Language of the emails"),
        required=False,
        widget=forms.RadioSelect,
        error_messages={"invalid_choice": _("This page has no language “%(value)s”. Choose one of those below.")},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["language"].choices = settings.LANGUAGES  # type: ignore[attr-defined]
        self.fields["language"].initial = get_language() or settings.LANGUAGE_CODE

    def clean_language(self) -> str:
        return self.cleaned_data["language"] or get_language() or settings.LANGUAGE_CODE


class ChoicesForm(LanguageForm):
    """Language, kinds and systems, chosen at sign-up and changed later."""

    wants_incidents = forms.BooleanField(label=_("Incidents"), required=False, initial=True)
    wants_maintenance = forms.BooleanField(label=_("Planned maintenance"), required=False, initial=True)
    scope = forms.ChoiceField(
        choices=[(ALL, _("All systems, also those that are added later")), (SOME, _("Only these systems:"))],
        required=False,
        initial=ALL,
        error_messages={"invalid_choice": _("Choose all systems, or choose some.")},
    )
    components = forms.MultipleChoiceField(
        required=False,
        error_messages={
            "invalid_choice": _("One of the systems is no longer on this page. Please check your selection."),
            "invalid_list": _("Choose all systems, or choose some."),
        },
    )

    # Hidden systems that the subscriber follows: the form cannot offer them, but must not remove them.
    kept: tuple[Component, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["components"].choices = [(one.pk, one.slug) for one in self._components]  # type: ignore[attr-defined]

    @cached_property
    def _components(self) -> list[Component]:
        return list(Component.objects.public().in_page_order())

    def groups(self) -> list[tuple[ComponentGroup | None, list[Component]]]:
        """Return the systems in page order, by group; empty if the page has none."""
        return [(group, list(ones)) for group, ones in groupby(self._components, lambda component: component.group)]

    def chosen(self) -> set[str]:
        """Return the ids of the ticked systems, for the template."""
        return set(self["components"].value() or ())

    def wants_something(self) -> bool:
        return bool(self.cleaned_data.get("wants_incidents") or self.cleaned_data.get("wants_maintenance"))

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        if not self.wants_something():
            self.add_error(
                "wants_incidents", _("Choose what you want to be notified of: incidents, maintenance or both.")
            )
        if "scope" in data and "components" in data:
            if data["scope"] == SOME and not data["components"] and not self.kept:
                self.add_error("components", _("Choose at least one system, or choose all systems."))
            if data["scope"] != SOME and data["components"]:
                self.add_error("components", _("You chose all systems and also some of them. Choose one or the other."))
        return data

    def choices(self) -> Choices:
        data = self.cleaned_data
        wanted = set(data["components"])
        kept = () if data["scope"] == ALL else self.kept
        return Choices(
            language=data["language"],
            wants_incidents=data["wants_incidents"],
            wants_maintenance=data["wants_maintenance"],
            components=(*(one for one in self._components if one.pk in wanted), *kept),
        )


class StampedForm(AddressForm):
    """A form whose stamp shows that it was fetched some seconds before it was sent."""

    stamp = forms.CharField(required=False, widget=forms.HiddenInput)

    def clean_stamp(self) -> str:
        return form_stamps.check(self.cleaned_data["stamp"])

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if len(self.errors) > 1:
            self.errors.pop("stamp", None)  # the form is sent again anyway, later and with a valid stamp
        return data


class SignUpForm(StampedForm, ChoicesForm):
    pass


class WebhookForm(SignUpForm):
    """The email address is that of the webhook's owner."""

    url = forms.CharField(
        label=_("Address of the webhook"),
        max_length=2000,
        error_messages={"required": _("Write the address of the webhook.")},
        widget=forms.URLInput(attrs={"inputmode": "url", "spellcheck": "false", "autocomplete": "off"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["language"].label = _("Language")

    def clean_url(self) -> str:
        try:
            return guard.read_url(self.cleaned_data["url"]).url
        except guard.BadUrl as error:
            raise ValidationError(_BAD_URLS[error.code], code=error.code) from error


class FollowForm(StampedForm, LanguageForm):
    """Follow one incident; there is nothing to choose but the language."""


class ManageForm(ChoicesForm):
    paused_until = forms.DateField(
        label=_("Send nothing before"),
        required=False,
        help_text=_("Leave it empty to be notified of everything immediately."),
        error_messages={"invalid": _("Write a date as year-month-day, such as 2026-12-31.")},
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
    own = _("As on the page: %(zone)s") % {"zone": Page.objects.current().time_zone}
    named = sorted(name for name in available_timezones() if name.startswith(_AREAS))
    return [("", own), ("UTC", "UTC"), *((name, name.replace("_", " ")) for name in named)]


def _zone() -> ZoneInfo:
    return ZoneInfo(Page.objects.current().time_zone)
