"""The form of a postmortem: a box for each section instead of the text of an update."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from ...merging import Snapshot
from ...models import Incident, Update
from ...operations import Statement
from ...operations.statements import BACKDATED
from ...sections import FIRST, SECTIONS, join, split
from ...sections import is_sectioned as begins_with_heading
from ...status import ComponentStatus, Phase
from ...text import Text
from .components import statuses_of
from .fields import explain_markup, model_fields
from .statements import SCHEDULE, CorrectionForm, RefusableForm, UpdateForm

LABELS: dict[str, tuple[str | Promise, str | Promise]] = {
    "happened": (_("What happened"), _("For readers: what they noticed, how many, from when to when. Markdown.")),
    "timeline": (
        pgettext_lazy("section of a postmortem", "Timeline"),
        _("Filled in from the public updates. Shorten it, and add what only you know."),
    ),
    "cause": (
        pgettext_lazy("section of a postmortem", "Cause"),
        _("Filled in from the details of the incident. A section that stays empty is left out."),
    ),
    "change": (_("What we change"), _("What is done so that it does not happen again, and by when.")),
}
# Boxes of an update that the editor does not have; a draft keeps their values.
_OTHERS = ("text", "template", "quote", "quote_language", "quote_url", "at", "ended_at", "although_backdated",
           "next_update_by")  # fmt: skip


def field_name(section: str) -> str:
    return f"text_{section}"


def has_sections(data: Mapping[str, Any]) -> bool:
    """Whether this was sent by a form with sections."""
    return any(f"{field_name(FIRST)}_{code}" in data for code, _name in settings.LANGUAGES)


def is_sectioned(update: Update) -> bool:
    """Whether a postmortem has our headings in each of its languages."""
    is_ours = all(map(begins_with_heading, update.text.values()))
    return update.phase == Phase.POSTMORTEM and bool(update.text) and is_ours


def sections_of(text: Text) -> dict[str, Text]:
    parts = {code: split(passage) for code, passage in text.items()}
    return {name: Text({code: found[name] for code, found in parts.items()}) for name in SECTIONS}


def text_of(sections: Mapping[str, Text]) -> Text:
    """Return the sections as the text of an update."""
    codes = [code for code, _name in settings.LANGUAGES]
    return Text({code: join({name: text.get(code, "") for name, text in sections.items()}, code) for code in codes})


class SectionedForm(RefusableForm):
    """A form that has a box for each section instead of the one of the text."""

    def put_sections(self, initial: Mapping[str, Text]) -> None:
        for name, (label, help_text) in LABELS.items():
            box = model_fields(Update, "text")["text"]
            box.label, box.help_text = str(label), str(help_text)
            explain_markup(box)
            self.fields[field_name(name)] = box
            self.initial[field_name(name)] = initial.get(name, Text())
        self.fields.pop("text", None)

    @property
    def sections(self) -> list[forms.BoundField]:
        return [self[field_name(name)] for name in SECTIONS]

    def by_box(self, snapshot: Snapshot) -> Snapshot:
        boxes = dict(snapshot)
        for code, _name in settings.LANGUAGES:
            if f"text_{code}" in snapshot:
                parts = split(snapshot[f"text_{code}"])
                boxes |= {f"{field_name(name)}_{code}": body for name, body in parts.items()}
        return boxes

    def joined(self) -> Text:
        """Return the text of the cleaned sections."""
        return text_of({name: self.cleaned_data.get(field_name(name), Text()) for name in SECTIONS})

    def refuse(self, refusal: ValidationError) -> None:
        """Show errors of the text beside the first section."""
        errors = getattr(refusal, "error_dict", None)
        if errors and "text" in errors:
            named = {field_name(FIRST) if name == "text" else name: found for name, found in errors.items()}
            refusal = ValidationError(named)
        super().refuse(refusal)


class PostmortemForm(SectionedForm, UpdateForm):
    """A new postmortem, or a draft of one."""

    def __init__(
        self, data: Any = None, *, incident: Incident, initial: Mapping[str, Any], draft: Update | None = None
    ) -> None:
        """`initial` also maps the names of the sections to their texts."""
        chosen = {"phase": Phase.POSTMORTEM, "notify": "no", **initial}
        super().__init__(data, incident=incident, phases=[Phase.POSTMORTEM], rows=[], initial=chosen)
        self.draft = draft
        self.put_sections(initial)
        for name in _OTHERS:
            self.fields.pop(name, None)

    def clean(self) -> dict[str, Any]:
        self._check_publish_at(self.cleaned_data.get("publish_at"))
        text = self.cleaned_data["text"] = self.joined()
        is_empty = not text and not (self.draft and self.draft.quote)
        if is_empty and not self.is_draft:
            self.add_error(field_name(FIRST), _("Write the text in at least one language."))
        return self.cleaned_data

    def statement(self) -> Statement:
        return Statement(
            phase=Phase.POSTMORTEM,
            id=self.cleaned_data["id"],
            text=self.cleaned_data["text"],
            notify=self.cleaned_data["notify"] == "yes",
            publish_at=self.cleaned_data["publish_at"] if self.action == SCHEDULE else None,
            **_kept(self.draft),
        )


class SectionedCorrectionForm(SectionedForm, CorrectionForm):
    """A correction of a postmortem in its sections."""

    def __init__(self, data: Any = None, *, update: Update) -> None:
        super().__init__(data, update=update)
        self.put_sections(sections_of(update.text))

    def clean(self) -> dict[str, Any]:
        self.cleaned_data["text"] = self.joined()
        return self.cleaned_data


def _kept(draft: Update | None) -> dict[str, Any]:
    # What a draft from the composer has beyond its sections.
    if draft is None:
        return {}
    names = ("quote", "quote_language", "quote_url", "ended_at", "next_update_by")
    is_backdated = draft.at <= draft.created_at - BACKDATED
    statuses = {key: ComponentStatus(status) for key, status in statuses_of(draft).items()}
    return {
        **{name: getattr(draft, name) for name in names},
        "at": draft.at if is_backdated else None,
        "components": statuses,
    }
