"""The letters as mail: rendered once per announcement and language, then addressed.

`render` needs the database; `Mail.to` does not, and is what a worker does ten
thousand times. Headers follow STANDARDS E1-E17.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import timezone, translation

from ... import links
from ...appearance import APPEARANCES
from ...masks import masked
from ...models import Announcement, Delivery, Incident, Page
from ...wording import words
from ..channels.email import sender_address
from ..ledger.writer import ClaimedDelivery
from . import mime
from .content import MessageContent
from .mime import Slot

TITLE_LENGTH = 150
_TOKEN = "TOKEN"  # noqa: S105 - stands in an address until the recipient's own is put in
_PURPOSES = {
    Slot.UNSUBSCRIBE: links.Purpose.UNSUBSCRIBE,
    Slot.MANAGE: links.Purpose.MANAGE,
    Slot.CONFIRM: links.Purpose.CONFIRM,
    Slot.CONNECT: links.Purpose.CONNECT,
}
# What somebody asked for a minute ago is no list mail, and the first asks whether there shall be any.
_WITHOUT_LIST = {
    Delivery.Letter.CONFIRMATION,
    Delivery.Letter.FOLLOW,
    Delivery.Letter.MANAGE,
    Delivery.Letter.WEBHOOK,
    Delivery.Letter.WEBHOOK_SUSPENDED,
}


@dataclass(frozen=True)
class Mail:
    """One letter in one language, to be addressed."""

    letter: mime.Letter
    addresses: dict[Slot, str]
    about: str = ""  # the incident, which the link to unsubscribe names too
    names_webhook: bool = False

    def to(self, row: ClaimedDelivery) -> bytes:
        """The bytes for one recipient; the same row gives the same Message-ID and Date every time."""
        values = {
            Slot.ADDRESS: row.address,
            Slot.MESSAGE_ID: row.message_id,
            Slot.DATE: _date(row.dated_at),
        }
        if self.names_webhook:
            values[Slot.WEBHOOK] = masked(row.endpoint)
        for slot, link in self.addresses.items():
            # One that leads to somebody's choices, or begins them, is good for its round only.
            subject = f"{row.subscriber_id}:{self.about if slot is Slot.UNSUBSCRIBE else row.opt_in_round}".rstrip(":")
            values[slot] = link.replace(_TOKEN, links.sign(_PURPOSES[slot], subject))
        return self.letter.filled(values)


def render(letter: str, language: str, announcement: Announcement | None = None, zone: str = "") -> Mail:
    """A letter in a language, with times in `zone` or the page's, and the page's name and company as they are now."""
    page = Page.objects.current()
    with translation.override(language), timezone.override(zone or page.time_zone):
        context = _context(page, language, announcement)
        subject = mime.one_line(_rendered(letter, "subject.txt", context), TITLE_LENGTH + 100)
        text, html = (_rendered(letter, name, {**context, "subject": subject}) for name in ("body.txt", "body.html"))
        headers = list(_headers(page, letter, language, subject, announcement))
    composed = mime.compose(headers, mime.without_holes(text), html)
    personal = {slot: _address(slot, language) for slot in _PURPOSES if slot in composed.slots}
    about = announcement.update.incident_id if announcement else ""
    return Mail(composed, personal, about, names_webhook=Slot.WEBHOOK in composed.slots)


def preview(announcement: Announcement, language: str) -> tuple[str, str]:
    """Subject and HTML of the letter, with links that lead nowhere instead of a recipient's own; language active."""
    nowhere = dict.fromkeys(["unsubscribe_url", "manage_url", "confirm_url"], "#")
    context = {**_context(Page.objects.current(), language, announcement), **nowhere}
    subject = mime.one_line(_rendered("update", "subject.txt", context), TITLE_LENGTH + 100)
    return subject, _rendered("update", "body.html", {**context, "subject": subject})


def thread_id(incident: Incident) -> str:
    """The Message-ID that every mail of an incident refers to; no mail has it (STANDARDS E14)."""
    return f"<incident-{incident.pk}@{settings.FEED_ID_HOST}>"


def _context(page: Page, language: str, announcement: Announcement | None) -> dict[str, object]:
    context: dict[str, object] = {
        "page": page,
        "page_name": mime.one_line(_page_name(page), 60),
        "language": language,
        "home_url": links.absolute(links.home(language)),
        "unsubscribe_url": Slot.UNSUBSCRIBE.gap,
        "manage_url": Slot.MANAGE.gap,
        "choices_url": links.absolute(links.dynamic("subscriptions:request_manage_link", language)),
        "confirm_url": Slot.CONFIRM.gap,
        "connect_url": Slot.CONNECT.gap,
        "webhook": Slot.WEBHOOK.gap,
    }
    if announcement is not None:
        story = MessageContent(announcement, language)
        title = mime.one_line(words(story.incident.title), TITLE_LENGTH)
        context |= {"story": story, "appearances": APPEARANCES.values(), "title": title}
    return context


def _rendered(letter: str, name: str, context: dict[str, object]) -> str:
    return render_to_string(f"emails/{letter}/{name}", context)


def _page_name(page: Page) -> str:
    return words(page.name) or settings.SITE_HOST


def _headers(
    page: Page, letter: str, language: str, subject: str, announcement: Announcement | None
) -> Iterator[tuple[str, str]]:
    yield "Message-ID", Slot.MESSAGE_ID.gap
    yield "Date", Slot.DATE.gap
    yield "From", mime.sender(_page_name(page), sender_address())
    yield "To", f"<{Slot.ADDRESS.gap}>"
    yield "Subject", subject
    if announcement is not None:
        yield "In-Reply-To", thread_id(announcement.update.incident)
        yield "References", thread_id(announcement.update.incident)
    if letter not in _WITHOUT_LIST:
        yield from _list_headers(page, language)
    yield "Auto-Submitted", "auto-generated"  # RFC 3834 §5
    yield "X-Auto-Response-Suppress", "OOF, AutoReply"
    yield "Content-Language", language


def _list_headers(page: Page, language: str) -> Iterator[tuple[str, str]]:
    """RFC 2369, 2919 and 8058. The List-Id has no phrase: one that is not ASCII would swallow the id.

    The id keeps its host when the page moves to another, as the ids of the feeds do.
    """
    yield "List-Id", f"<status.{settings.FEED_ID_HOST}>"
    yield "List-Unsubscribe", f"<{Slot.UNSUBSCRIBE.gap}>"
    yield "List-Unsubscribe-Post", "List-Unsubscribe=One-Click"
    yield "List-Help", f"<{links.absolute(links.subscribe(language))}>"
    yield "List-Subscribe", f"<{links.absolute(links.subscribe(language))}>"
    yield "List-Owner", f"<mailto:{page.contact or sender_address()}>"
    yield "List-Archive", f"<{links.absolute(links.history(language))}>"
    yield "List-Post", "NO"


@lru_cache(maxsize=64)
def _date(at: datetime) -> str:
    """RFC 5322 §3.3. All letters of an announcement have the same."""
    return format_datetime(at)


def _address(slot: Slot, language: str) -> str:
    return links.absolute(links.dynamic(f"subscriptions:{slot}", language, _TOKEN))
