"""What readers and subscribers would get: printed by `--dry-run`, before its transaction is rolled back."""

from collections.abc import Iterator, Mapping

from django.conf import settings
from django.utils import translation

from incidents.labels import COMPONENT_STATUSES, PHASES
from incidents.models import Announcement, Component, Update
from incidents.notifications.messages import email
from incidents.notifications.reach import reach
from incidents.status import ComponentStatus, Phase
from incidents.statuspage_api import body
from incidents.wording import language_name, reader_passage, words

Statuses = Mapping[str, str]


def statuses() -> Statuses:
    """Return the current status of each component."""
    return dict(Component.objects.values_list("pk", "status"))


def described(update: Update, before: Statuses, *, notifies: bool) -> Iterator[str]:
    """Yield lines about an update that has just been stored; `before` are the statuses until then."""
    yield "DRY RUN: nothing was stored, published or sent."
    for code, _name in settings.LANGUAGES:
        yield from _for_readers(update, code)
    if not update.is_public:
        yield from ["", "It would be a draft: readers and subscribers get nothing."]
        return
    yield from ["", "Components", *(_components(before) or ["  No status changes."])]
    yield from ["", "Subscribers"]
    if not notifies:
        yield "  They are not notified."
        return
    yield "  " + reach(update.incident.kind, [], update.incident)
    for code, _name in settings.LANGUAGES:
        yield from _email(update, code)


def _for_readers(update: Update, code: str) -> Iterator[str]:
    with translation.override(code):
        title, text = reader_passage(update.incident.title), reader_passage(update.text)
        lines = [title.text, str(PHASES[Phase(update.phase)]), "", *body(update).splitlines()]
    yield from ["", f"Readers, {language_name(code)}"]
    yield from _indented(lines)
    if not (title.is_own and text.is_own):
        yield f"  ({translation_missing(code)})"


def translation_missing(code: str) -> str:
    return f"Not everything is translated into {language_name(code)}. Readers see the other language, marked as such."


def _components(before: Statuses) -> list[str]:
    changed = [one for one in Component.objects.order_by("position", "pk") if before.get(one.pk) != one.status]
    return [
        f"  {words(one.name)}: {_label(before[one.pk])} → {_label(one.status)}" for one in changed if one.pk in before
    ]


def _label(status: str) -> str:
    return str(COMPONENT_STATUSES[ComponentStatus(status)])


def _email(update: Update, code: str) -> Iterator[str]:
    with translation.override(code):
        subject, text = email.preview_text(Announcement(update=update), code)
    yield from ["", f"Email, {language_name(code)}"]
    yield from _indented([f"Subject: {subject}", "", *text.splitlines()])


def _indented(lines: list[str]) -> Iterator[str]:
    yield from (f"  {line}".rstrip() for line in lines)
