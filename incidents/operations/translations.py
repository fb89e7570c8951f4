"""A translation that follows: the text of a public update in a language that it lacked."""

from collections.abc import Collection

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from ..merging import Snapshot
from ..models import Announcement, Update
from ..notifications.audience import count_translated
from ..notifications.outbox import announce_translation
from ..staff import rights
from ..staff.actors import Actor
from ..text import Text
from . import snapshots
from .recording import verb
from .updates import lock, replace_text


@verb
def add_translation(
    *, update: Update, text: Text, notify: bool = False, by: Actor, opened: Snapshot | None = None
) -> Update:
    """Add the text in languages that it lacked. Raises ValidationError if anything else changes; Collision.

    `notify` announces it to subscribers of these languages who got the text in another one. Nobody
    else gets a message, and nothing is announced if there are no such subscribers, or if the incident
    is withdrawn. Readers do not see it as edited: no text has changed for those who had one.
    """
    by.needs(rights.publish(update.incident.kind))
    incident = lock(update.incident)
    update = Update.objects.select_for_update().get(pk=update.pk)
    update.incident = incident
    snapshots.check_unchanged(opened, snapshots.of_text(update))
    languages = added_languages(update, text)
    if not languages:
        raise ValidationError({"text": _("A translation adds a language and changes no other text.")})
    replace_text(update, {"text": text}, by=by, is_correction=False)
    if notify and incident.published_at is not None and _is_awaited(update, languages):
        announce_translation(update, languages)
    return update


def readers_without_translation(update: Update, languages: Collection[str] | None = None) -> dict[tuple[str, str], int]:
    """Return how many subscribers got a public update in another language than theirs, because it was missing.

    As `{(channel, language): people}`, of these languages only, if there are any named.
    """
    missing = addable_languages(update) if languages is None else languages
    return count_translated(update, missing) if missing and update.incident.is_public else {}


def addable_languages(update: Update) -> list[str]:
    """Return the page's languages in which the text is missing, and always was."""
    missing = update.text.missing([code for code, _name in settings.LANGUAGES])
    return [code for code in missing if code not in _earlier_languages(update)]


def added_languages(update: Update, text: Text) -> list[str]:
    """Return the languages that a text adds to the update's, which it does not change otherwise; else none.

    A language that an earlier version had is not added: its readers may have got that version.
    """
    if not update.text or any(text.get(language) != said for language, said in update.text.items()):
        return []
    added = set(text) - set(update.text)
    return sorted(added) if not added & _earlier_languages(update) else []


def _earlier_languages(update: Update) -> set[str]:
    return {language for text in update.revisions.values_list("text", flat=True) for language in text}


def _is_awaited(update: Update, languages: list[str]) -> bool:
    # Whether somebody got the text in another language, or a held announcement will contain the translation.
    return Announcement.objects.held_for_all(update).exists() or bool(count_translated(update, languages))
