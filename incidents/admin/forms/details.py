"""The forms for the details of an incident or maintenance."""

from typing import Any, cast

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ...labels import IMPACTS
from ...models import Incident
from ...operations import Details
from ...status import Kind, impacts_of
from .fields import model_fields
from .statements import RefusableForm, StatementForm

TEXTS = ("user_impact", "scope", "workaround", "root_cause", "root_cause_status", "next_steps")
UPSTREAM = ("upstream_name", "upstream_url")
NAMES = {
    Kind.INCIDENT: ("title", "impact", "started_at", *TEXTS, *UPSTREAM),
    Kind.MAINTENANCE: ("title", "scheduled_for", "scheduled_until", *TEXTS, *UPSTREAM),
}


class DetailsForm(RefusableForm):
    """The fields of an incident or a maintenance, depending on `kind`."""

    def __init__(self, data: Any = None, *, incident: Incident) -> None:
        self.names = (*NAMES[Kind(incident.kind)], "next_update_by")
        super().__init__(data, initial={name: getattr(incident, name) for name in self.names})
        self.fields.update(detail_fields(incident.kind, self.names))

    def details(self) -> Details:
        """The changed values of a valid form."""
        return cast("Details", {name: self.cleaned_data[name] for name in self.names if name in self.changed_data})


def detail_fields(kind: str, names: tuple[str, ...]) -> dict[str, forms.Field]:
    fields = model_fields(Incident, *names)
    if "impact" in fields:
        impacts = [(one.value, IMPACTS[one]) for one in impacts_of(Kind(kind))]
        fields["impact"] = forms.ChoiceField(
            label=_("Impact"),
            choices=impacts,
            initial=Incident._meta.get_field("impact").default,
            widget=forms.RadioSelect,
        )
    for name in ("scheduled_for", "scheduled_until"):
        if name in fields:
            fields[name].required = True
    return fields


class OpeningForm(StatementForm):
    """A new incident or maintenance with its first update."""

    has_title = True

    def __init__(self, data: Any = None, *, kind: Kind, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.names = NAMES[kind]
        self.fields.update(detail_fields(kind, self.names))
        if "started_at" in self.fields:
            self.fields["started_at"].initial = timezone.now
            self.fields["started_at"].required = False

    def details(self) -> Details:
        given = {name: self.cleaned_data[name] for name in (*self.names, "next_update_by")}
        if given.get("started_at") is None:
            given.pop("started_at", None)  # the verb's default is the time of the update, or now
        return cast("Details", given)

    @property
    def shows_details(self) -> bool:
        return self.is_bound and any(name in self.errors or name in self.changed_data for name in (*TEXTS, *UPSTREAM))
