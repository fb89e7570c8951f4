"""Emails: rendered once per announcement and language, then filled in for each recipient.

`render` uses the database. `RenderedEmail.for_recipient` does not: a worker calls it ten
thousand times.
"""

from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache

from django.template.loader import render_to_string
from django.utils import timezone, translation

from ... import links
from ...appearance import APPEARANCES
from ...masks import masked
from ...models import Announcement, Page
from ...wording import words
from .. import addressing
from ..ledger.writer import ClaimedDelivery
from . import email_headers, mime
from .content import MessageContent
from .email_headers import page_name
from .mime import Placeholder

TITLE_LENGTH = 150
_TOKEN = "TOKEN"  # noqa: S105 - replaced in links by the recipient's own token
_PURPOSES = {
    Placeholder.UNSUBSCRIBE: links.Purpose.UNSUBSCRIBE,
    # The same token: it proves the mailbox, so that a manage link can be requested without typing the address.
    Placeholder.NEW_MANAGE_LINK: links.Purpose.UNSUBSCRIBE,
    Placeholder.MANAGE: links.Purpose.MANAGE,
    Placeholder.CONFIRM: links.Purpose.CONFIRM,
    Placeholder.CONNECT: links.Purpose.CONNECT,
}


@dataclass(frozen=True)
class RenderedEmail:
    """An email in one language, without the values that differ between recipients."""

    template: mime.MimeTemplate
    personal_links: dict[Placeholder, str]
    incident_id: str = ""  # part of the unsubscribe link
    names_webhook: bool = False

    def for_recipient(self, row: ClaimedDelivery) -> bytes:
        """Return the bytes for one recipient; the same row always has the same Message-ID and Date."""
        values = {
            Placeholder.ADDRESS: addressing.header_form(row.address),
            Placeholder.MESSAGE_ID: row.message_id,
            Placeholder.DATE: _date(row.dated_at),
        }
        if self.names_webhook:
            values[Placeholder.WEBHOOK] = masked(row.endpoint)
        tokens = {purpose: self._token(purpose, row) for purpose in {_PURPOSES[one] for one in self.personal_links}}
        for placeholder, link in self.personal_links.items():
            values[placeholder] = link.replace(_TOKEN, tokens[_PURPOSES[placeholder]])
        return self.template.fill(values)

    def _token(self, purpose: links.Purpose, row: ClaimedDelivery) -> str:
        # A link that opens a subscription is valid for its opt-in round only.
        scope = self.incident_id if purpose is links.Purpose.UNSUBSCRIBE else row.opt_in_round
        return links.sign(purpose, f"{row.subscriber_id}:{scope}".rstrip(":"))


def render(kind: str, language: str, announcement: Announcement | None = None, zone: str = "") -> RenderedEmail:
    """Render an email in a language, with times in `zone` or the page's, and the page's present name and company."""
    page = Page.objects.current()
    with translation.override(language), timezone.override(zone or page.time_zone):
        context = _context(page, language, announcement)
        subject = mime.one_line(_rendered(kind, "subject.txt", context), TITLE_LENGTH + 100)
        text, html = (_rendered(kind, name, {**context, "subject": subject}) for name in ("body.txt", "body.html"))
        headers = list(email_headers.headers(page, kind, language, subject, announcement))
    template = mime.compose(headers, mime.collapse_blank_lines(text), html)
    personal_links = {one: _link(one, language) for one in _PURPOSES if one in template.placeholders}
    incident_id = announcement.update.incident_id if announcement else ""
    names_webhook = Placeholder.WEBHOOK in template.placeholders
    return RenderedEmail(template, personal_links, incident_id, names_webhook)


def preview(announcement: Announcement, language: str) -> tuple[str, str]:
    """Return subject and HTML, with “#” for a recipient's own links. The language must be active."""
    subject, context = _without_links(announcement, language)
    return subject, _rendered("update", "body.html", context)


def preview_text(announcement: Announcement, language: str) -> tuple[str, str]:
    """Return subject and plain text, as `preview` does."""
    subject, context = _without_links(announcement, language)
    return subject, mime.collapse_blank_lines(_rendered("update", "body.txt", context))


def _without_links(announcement: Announcement, language: str) -> tuple[str, dict[str, object]]:
    no_links = dict.fromkeys(["unsubscribe_url", "new_manage_link_url"], "#")
    context = {**_context(Page.objects.current(), language, announcement), **no_links}
    subject = mime.one_line(_rendered("update", "subject.txt", context), TITLE_LENGTH + 100)
    return subject, {**context, "subject": subject}


def _context(page: Page, language: str, announcement: Announcement | None) -> dict[str, object]:
    context: dict[str, object] = {
        "page": page,
        "page_name": mime.one_line(page_name(page), 60),
        "language": language,
        "home_url": links.absolute(links.home(language)),
        "unsubscribe_url": Placeholder.UNSUBSCRIBE.marker,
        "manage_url": Placeholder.MANAGE.marker,
        "new_manage_link_url": Placeholder.NEW_MANAGE_LINK.marker,
        "confirm_url": Placeholder.CONFIRM.marker,
        "connect_url": Placeholder.CONNECT.marker,
        "webhook": Placeholder.WEBHOOK.marker,
    }
    if announcement is not None:
        content = MessageContent(announcement, language)
        # An announcement that has not been released, as in a preview, has no title of its own yet.
        title = announcement.thread_title or Announcement.objects.thread_title(content.incident)
        context |= {"story": content, "appearances": APPEARANCES.values()}
        context["thread_title"] = mime.one_line(words(title), TITLE_LENGTH)
    return context


def _rendered(kind: str, name: str, context: dict[str, object]) -> str:
    return render_to_string(f"emails/{kind}/{name}", context)


@lru_cache(maxsize=64)
def _date(at: datetime) -> str:
    # RFC 5322 §3.3. Cached, because all deliveries of an announcement have the same date.
    return format_datetime(at)


def _link(placeholder: Placeholder, language: str) -> str:
    return links.absolute(links.dynamic(f"subscriptions:{placeholder}", language, _TOKEN))
