"""The public forms. They need no cookie, and keep the input when it is invalid."""

from itertools import groupby
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.functional import cached_property
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from ..models import Component, ComponentGroup
from . import addresses, form_stamps
from .lifecycle import Choices

ALL, SOME = "all", "some"


class AddressForm(forms.Form):
    """An email address. `subject` is a honeypot: it is hidden from people."""

    address = forms.CharField(
        label=_("Your email address"),
        max_length=320,
        error_messages={"required": _("Enter your email address.")},
        widget=forms.EmailInput(attrs={"autocomplete": "email", "inputmode": "email", "spellcheck": "false"}),
    )
    subject = forms.CharField(required=False, widget=forms.TextInput(attrs={"autocomplete": "off", "tabindex": "-1"}))

    def clean_address(self) -> str:
        return addresses.normalise(self.cleaned_data["address"])

    def clean_subject(self) -> str:
        if self.cleaned_data["subject"]:
            raise ValidationError(
                _("A hidden field was filled in, perhaps by your browser. It is empty now: send the form again."),
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
        error_messages={"required": _("Enter the address of the webhook.")},
        widget=forms.URLInput(attrs={"inputmode": "url", "spellcheck": "false", "autocomplete": "off"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["language"].label = _("Language")

    def clean_url(self) -> str:
        return addresses.webhook_url(self.cleaned_data["url"])


class FollowForm(StampedForm, LanguageForm):
    """Follow one incident; there is nothing to choose but the language."""
