"""Placeholders in texts, such as `{components}`: filled in with names and times on publication."""

import re
from collections.abc import Iterable
from datetime import datetime

from django.core.exceptions import ValidationError
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from ..formats import moment
from ..models import Incident, Page, Update
from ..text import Text
from ..wording import listed, words

NAMES = ("components", "time", "start", "end", "next_update")
_KNOWN = re.compile(rf"\{{({'|'.join(NAMES)})\}}")
_ANY = re.compile(r"\{(\w+)\}")


def unknown(text: Text) -> list[str]:
    """Names in braces that are not placeholders, such as typing errors."""
    return sorted({name for said in text.values() for name in _ANY.findall(said)} - set(NAMES))


def used(*texts: Text) -> set[str]:
    return {name for text in texts for said in text.values() for name in _KNOWN.findall(said)}


def fill(update: Update) -> None:
    """Fill in the update's text and its incident's title, in each language. Does not save."""
    incident = update.incident
    if not used(update.text, incident.title):
        return
    names = [row.component.name for row in update.affected.select_related("component").order_by("component__position")]
    with timezone.override(Page.objects.brief().time_zone):
        update.text = _filled(update.text, update, names)
        incident.title = _filled(incident.title, update, names)


def check(update: Update) -> None:
    """Check that each placeholder has a value. Raises ValidationError by field."""
    asked = used(update.text, update.incident.title)
    found = _values(update, [])
    if "components" in asked and not update.affected.exists():
        raise ValidationError(
            {"text": _("The text contains {components}: choose components below, or change the text.")}
        )
    if "next_update" in asked and not found["next_update"]:
        message = _("The text contains {next_update}: enter the time here, or change the text.")
        raise ValidationError({"next_update_by": message})
    if "end" in asked and not found["end"]:
        raise ValidationError({"text": _("The text contains {end}, but the end is not known yet. Change the text.")})


def _filled(text: Text, update: Update, names: Iterable[Text]) -> Text:
    shown = {}
    for language, said in text.items():
        with translation.override(language):
            values = _values(update, [words(name) for name in names])
            shown[language] = _KNOWN.sub(lambda found, values=values: values[found[1]] or "–", said)  # type: ignore[misc]
    return Text(shown)


def _values(update: Update, names: list[str]) -> dict[str, str]:
    # The value of each placeholder in the active language; empty where unknown.
    incident = update.incident
    return {
        "components": listed(names),
        "time": moment(update.at),
        "start": moment(incident.started_at),
        "end": _moment_or_empty(_end(update, incident)),
        "next_update": _moment_or_empty(update.next_update_by or incident.next_update_by),
    }


def _end(update: Update, incident: Incident) -> datetime | None:
    if incident.is_maintenance and not update.is_final:
        return incident.scheduled_until
    return update.ended_at or (update.at if update.is_final else incident.ended_at)


def _moment_or_empty(value: datetime | None) -> str:
    return moment(value) if value else ""
