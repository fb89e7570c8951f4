"""The form of one update, and of a correction."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, cast

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.core.validators import RegexValidator
from django.forms.utils import ErrorDict
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from ... import operations
from ...labels import PHASES
from ...merging import Snapshot
from ...models import Incident, Update
from ...models.ids import LENGTH, new_id
from ...operations import Statement
from ...status import ComponentStatus, Phase
from .components import FINAL, SEVERITIES, ComponentRow, Outlook
from .fields import MomentField, explain_markup, model_fields
from .opened import OpenedForm
from .templates import TemplateField

PUBLISH, SCHEDULE, DRAFT, TEMPLATE = "publish", "schedule", "draft", "template"
# Shows the form again with what would happen, and stores nothing. Enter in a text field presses it.
CHECK = "check"


class RefusableForm(OpenedForm, forms.Form):
    """A form that shows a verb's errors next to their fields, and keeps the input."""

    def refuse(self, refusal: ValidationError) -> None:
        by_field = getattr(refusal, "error_dict", None) or {NON_FIELD_ERRORS: refusal.error_list}
        for name, errors in by_field.items():
            self.add_error(name if name in self.fields else None, errors)

    def boxes(self, snapshot: Snapshot) -> Snapshot:
        """Return a snapshot as the browser would send it."""
        return {key: self._box(key, value) for key, value in self.by_box(snapshot).items()}

    def is_filled(self, *names: str) -> bool:
        """Whether one of these fields has a value or an error: then the section is open."""
        return any(self[name].value() or self[name].errors for name in names if name in self.fields)


class StatementForm(RefusableForm):
    """One update. Its `id` is chosen when the form is shown, so that a form sent twice is stored once."""

    has_title = False
    severities = SEVERITIES
    final_phases = FINAL

    id = forms.CharField(
        widget=forms.HiddenInput, initial=new_id, validators=[RegexValidator(rf"^[a-z0-9]{{{LENGTH}}}\Z")]
    )
    template = TemplateField(required=False)
    phase = forms.ChoiceField(label=_("Phase"), widget=forms.RadioSelect)
    notify = forms.ChoiceField(
        label=_("Tell subscribers"),
        choices=[("yes", _("Tell subscribers")), ("no", _("Publish without notifying subscribers"))],
        initial="yes",
        widget=forms.RadioSelect,
    )
    although_backdated = forms.BooleanField(
        label=_("Tell subscribers even though the time is in the past"),
        help_text=_("By default, subscribers are not notified of a backdated update."),
        required=False,
    )
    at = MomentField(label=_("Time of the update"), help_text=_("The time readers see. Empty means now."))
    ended_at = MomentField(
        label=_("It was over at"), help_text=_("For the final update. Empty means the time of the update.")
    )
    publish_at = MomentField(
        label=_("Publish at"),
        help_text=_("Fill this in and press “Schedule” to publish it automatically at that time."),
    )
    next_update_by = MomentField(
        label=_("Next update by"),
        help_text=_("When readers can expect to hear more. It is shown as soon as this update is published."),
    )

    def __init__(
        self,
        data: Any = None,
        *,
        phases: Iterable[Phase],
        rows: list[ComponentRow],
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(data, initial=dict(initial or {}))
        self.rows = rows
        self.fields.update(model_fields(Update, "text", "quote", "quote_language", "quote_url"))
        explain_markup(self.fields["text"])
        self.fields.update({row.field_name: row.field() for row in rows})
        phase: Any = self.fields["phase"]
        phase.choices = [(one.value, PHASES[one]) for one in phases]
        self.action = self.data.get("action", DRAFT)
        template: Any = self.fields["template"]
        template.offer(dict(phase.choices), titles=self.has_title)
        if self.action == TEMPLATE:
            self._take(template)

    def _take(self, template: TemplateField) -> None:
        # Insert a template's text into the input, without validating it.
        self.data = template.put_into(self.data)
        self._errors = ErrorDict()

    def renew(self) -> None:
        """Give the input the identity of a new form."""
        self.data = dict(self.data.items()) | {"id": new_id()}  # unpacking a QueryDict would give lists

    def component_fields(self) -> list[tuple[ComponentRow, forms.BoundField, Outlook | None]]:
        fields = [(row, self[row.field_name]) for row in self.rows]
        phase = str(self["phase"].value())
        return [(row, field, row.outlook(field.value(), phase)) for row, field in fields]

    def clean(self) -> dict[str, Any]:
        self._check_publish_at(self.cleaned_data.get("publish_at"))
        said = self.cleaned_data.get("text") or self.cleaned_data.get("quote")
        if not said and not self.is_draft and not self.has_error("text"):
            self.add_error("text", _("Write the text in at least one language."))
        return self.cleaned_data

    def _check_publish_at(self, publish_at: datetime | None) -> None:
        if self.has_error("publish_at"):
            return
        if self.action == SCHEDULE and publish_at is None:
            self.add_error("publish_at", _("Say when this is to be published."))
        if self.action == PUBLISH and publish_at is not None:
            self.add_error("publish_at", _("A time is set here: press “Schedule”, or clear the field to publish now."))

    @property
    def shows_quote(self) -> bool:
        return self.is_filled("quote", "quote_language", "quote_url")

    @property
    def shows_times(self) -> bool:
        return self.is_filled("at", "ended_at", "publish_at", "although_backdated")

    @property
    def is_draft(self) -> bool:
        return self.action not in {PUBLISH, SCHEDULE, CHECK}

    @property
    def components(self) -> dict[str, ComponentStatus]:
        """The status of each component by id, once the form is valid."""
        given = {row.component.pk: self.cleaned_data[row.field_name] for row in self.rows}
        return {key: ComponentStatus(status) for key, status in given.items() if status}

    def statement(self) -> Statement:
        """The statement of a valid form."""
        words = {name: self.cleaned_data[name] for name in ("id", "text", "quote", "quote_language", "quote_url")}
        times = {name: self.cleaned_data[name] for name in ("at", "ended_at")}
        return Statement(
            phase=Phase(self.cleaned_data["phase"]),
            components=self.components,
            publish_at=self.cleaned_data["publish_at"] if self.action == SCHEDULE else None,
            next_update_by=self.cleaned_data["next_update_by"],
            notify=self.notify_choice(),
            **words,
            **times,
        )

    def notify_choice(self) -> bool | None:
        """None leaves it to the verb, which does not notify about backdated updates."""
        if self.cleaned_data.get("notify") == "no":
            return False
        return True if self.cleaned_data.get("although_backdated") else None


class UpdateForm(StatementForm):
    """Another update of an existing incident."""

    def __init__(self, data: Any = None, *, incident: Incident, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.incident = incident

    @property
    def drops_promise(self) -> bool:
        """Whether a promised time was removed."""
        return "next_update_by" in self.changed_data and self.cleaned_data["next_update_by"] is None


class CorrectionForm(RefusableForm):
    """A correction of a public update."""

    names = ("text", "quote", "quote_language", "quote_url")
    notify = forms.ChoiceField(
        label=_("Tell subscribers"),
        choices=[
            ("no", _("Correct it silently: a slip of the pen")),
            ("yes", _("Tell subscribers of the correction")),
        ],
        initial="no",
        widget=forms.RadioSelect,
    )

    notify_translation = forms.ChoiceField(
        label=_("Notify of the translation"),
        help_text=_("If you only add the text in a language in which it was missing."),
        initial="yes",
        required=False,
        widget=forms.RadioSelect,
    )

    def __init__(self, data: Any = None, *, update: Update) -> None:
        super().__init__(data, initial={name: getattr(update, name) for name in self.names})
        self.fields.update(model_fields(Update, *self.names))
        explain_markup(self.fields["text"])
        self.update = update
        if not update.incident.is_public:  # withdrawn: there is no page to link to
            del self.fields["notify"]
        self._offer(sum(operations.readers_without_translation(update).values()))

    def _offer(self, readers: int) -> None:
        # Offer to notify those who got the update in another language than theirs, if there are any.
        if not readers:
            del self.fields["notify_translation"]
            return
        sentence = ngettext(
            "Notify the %(count)d subscriber who got it in the other language",
            "Notify the %(count)d subscribers who got it in the other language",
            readers,
        )
        choices = [("yes", sentence % {"count": readers}), ("no", gettext("Add it silently"))]
        cast("forms.ChoiceField", self.fields["notify_translation"]).choices = choices

    @property
    def addable_languages(self) -> str:
        """For the script: the languages whose text makes this a translation."""
        return " ".join(operations.addable_languages(self.update))

    @property
    def is_translation(self) -> bool:
        """Whether a valid form only adds a language."""
        others = set(self.names) - {"text"}
        return bool(operations.added_languages(self.update, self.cleaned_data["text"])) and not (
            others & set(self.changed_data)
        )
