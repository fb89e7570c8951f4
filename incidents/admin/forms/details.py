"""The forms for the details of an incident or maintenance."""

from typing import Any, cast

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ...labels import IMPACTS
from ...models import REMINDERS, Incident, Update
from ...operations import Details, default_reminders
from ...status import Kind, impacts_of
from .fields import model_fields
from .statements import RefusableForm, StatementForm

TEXTS = ("user_impact", "scope", "workaround", "root_cause", "root_cause_status", "next_steps")
UPSTREAM = ("upstream_name", "upstream_url")
TIMES = ("started_at", "ended_at")
WINDOW = ("scheduled_for", "scheduled_until")
AUTOMATIC = ("auto_start", "auto_complete")
NAMES = {
    Kind.INCIDENT: ("title", "impact", "started_at", *TEXTS, *UPSTREAM),
    Kind.MAINTENANCE: ("title", *WINDOW, *AUTOMATIC, *REMINDERS, *TEXTS, *UPSTREAM),
}


class DetailsForm(RefusableForm):
    """The fields of an incident or a maintenance, depending on `kind`."""

    def __init__(self, data: Any = None, *, incident: Incident) -> None:
        ended = ("ended_at",) if incident.is_over else ()
        self.names = (*NAMES[Kind(incident.kind)], *ended, "next_update_by")
        super().__init__(data, initial={name: getattr(incident, name) for name in self.names})
        self.fields.update(detail_fields(incident.kind, self.names))
        if incident.is_maintenance and incident.is_public and not incident.is_over:
            self.fields.update(_move_fields())

    def clean(self) -> dict[str, Any]:
        if self.cleaned_data.get("move_text") and not self.notifies_of_move and not self.is_repeated:
            self.add_error(
                "move_text",
                _("This is sent only if the planned time changes and subscribers are notified. Clear it otherwise."),
            )
        return self.cleaned_data

    @property
    def is_repeated(self) -> bool:
        """Whether what it says was saved since it was opened: it was sent twice."""
        return self.is_outdated and not any(name in self.changed_data for name in self.names)

    @property
    def notifies_of_move(self) -> bool:
        """Whether the planned time was changed and subscribers are to be notified of it."""
        moves = any(name in self.changed_data for name in WINDOW)
        return moves and self.cleaned_data.get("notify") == "yes"

    @property
    def moves_times(self) -> bool:
        """Whether the start or the end was changed."""
        return any(name in self.changed_data for name in TIMES)

    @property
    def times(self) -> str:
        """The start and end of a valid form, for a confirmation that is bound to them."""
        given = (self.cleaned_data.get(name) for name in TIMES)
        return "/".join(time.isoformat() if time else "" for time in given)

    def details(self) -> Details:
        """The changed values of a valid form."""
        return cast("Details", {name: self.cleaned_data[name] for name in self.names if name in self.changed_data})


def _move_fields() -> dict[str, forms.Field]:
    text = model_fields(Update, "text")["text"]
    text.label = _("Why the planned time changes")
    text.help_text = _("The update begins with the new and the former time; this follows. Markdown, may stay empty.")
    notify = forms.ChoiceField(
        label=_("If the planned time changes"),
        choices=[
            ("yes", _("Notify subscribers of the new and the former time")),
            ("no", _("Change it without notifying subscribers")),
        ],
        initial="yes",
        widget=forms.RadioSelect,
    )
    return {"notify": notify, "move_text": text}


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
        for name, ticked in (dict.fromkeys(AUTOMATIC, True) | default_reminders()).items():
            if name in self.fields:
                self.fields[name].initial = ticked
        if "started_at" in self.fields:
            self.fields["started_at"].initial = timezone.now
            self.fields["started_at"].required = False
            self._offer_end()

    def _offer_end(self) -> None:
        # A past incident is entered in one go.
        self.fields["ended_at"].help_text = _(
            "For an incident that is over already: choose the phase “Resolved”. The components count with the "
            "chosen status from start to end."
        )
        self.fields["although_backdated"].help_text = _(
            "By default, subscribers are not notified of a backdated update, nor of an incident that ended more "
            "than ten minutes ago."
        )

    def details(self) -> Details:
        given = {name: self.cleaned_data[name] for name in (*self.names, "next_update_by")}
        if given.get("started_at") is None:
            given.pop("started_at", None)  # the verb's default is the time of the update, or now
        return cast("Details", given)

    @property
    def shows_times(self) -> bool:
        names = ("at", "publish_at", "although_backdated")
        return self.is_filled(*names) or ("started_at" not in self.fields and self.is_filled("ended_at"))

    @property
    def shows_details(self) -> bool:
        return self.is_bound and any(name in self.errors or name in self.changed_data for name in (*TEXTS, *UPSTREAM))
