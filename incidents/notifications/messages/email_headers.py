"""The headers of emails: threading, unsubscribing, and no replies by machines (STANDARDS E1-E17)."""

from collections.abc import Iterator
from urllib.parse import quote

from django.conf import settings

from ... import links
from ...models import Announcement, Delivery, Incident, Page
from ...wording import words
from .. import addressing
from ..channels.email import sender_address
from . import mime
from .mime import NamedAddress, Placeholder

# Emails that the recipient has just requested are not list mail, and have no List-* headers.
_NOT_LIST_MAIL = {
    Delivery.Letter.CONFIRMATION,
    Delivery.Letter.FOLLOW,
    Delivery.Letter.MANAGE,
    Delivery.Letter.WEBHOOK,
    Delivery.Letter.WEBHOOK_SUSPENDED,
}

_IN_MAILTO = "@!$'*+-._~"


def headers(
    page: Page, kind: str, language: str, subject: str, announcement: Announcement | None
) -> Iterator[tuple[str, str | NamedAddress]]:
    yield "Message-ID", Placeholder.MESSAGE_ID.marker
    yield "Date", Placeholder.DATE.marker
    yield "From", NamedAddress(mime.display_name(page_name(page)), addressing.header_form(sender_address()))
    yield "To", f"<{Placeholder.ADDRESS.marker}>"
    yield "Subject", subject
    if announcement is not None:
        yield "In-Reply-To", thread_id(announcement.update.incident)
        yield "References", thread_id(announcement.update.incident)
    if kind not in _NOT_LIST_MAIL:
        yield from _list_headers(page, language)
    yield "Auto-Submitted", "auto-generated"  # RFC 3834 §5
    yield "X-Auto-Response-Suppress", "OOF, AutoReply"
    yield "Content-Language", language


def _list_headers(page: Page, language: str) -> Iterator[tuple[str, str]]:
    # RFC 2369, 2919 and 8058. The List-Id has no phrase: encoding a phrase that is not ASCII would hide the id.
    #
    # The id keeps its host if the page moves to another host, as the ids of the feeds do.
    yield "List-Id", f"<status.{settings.FEED_ID_HOST}>"
    yield "List-Unsubscribe", f"<{Placeholder.UNSUBSCRIBE.marker}>"
    yield "List-Unsubscribe-Post", "List-Unsubscribe=One-Click"
    yield "List-Help", f"<{links.absolute(links.subscribe(language))}>"
    yield "List-Subscribe", f"<{links.absolute(links.subscribe(language))}>"
    yield "List-Owner", f"<{_mailto(page.contact or sender_address())}>"
    yield "List-Archive", f"<{links.absolute(links.history(language))}>"
    yield "List-Post", "NO"


def _mailto(address: str) -> str:
    # RFC 6068 §2: a name that is not ASCII is percent-encoded, so that the header needs no SMTPUTF8.
    return f"mailto:{quote(addressing.header_form(address), safe=_IN_MAILTO)}"


def thread_id(incident: Incident) -> str:
    """Return the Message-ID that all emails of an incident refer to, though none has it (STANDARDS E14)."""
    return f"<incident-{incident.pk}@{settings.FEED_ID_HOST}>"


def page_name(page: Page) -> str:
    return words(page.name) or settings.SITE_HOST
