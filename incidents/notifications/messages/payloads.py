"""JSON payloads: rendered once per announcement or component update, channel and language, then filled in for each
recipient.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils import timezone, translation
from django.utils.crypto import salted_hmac

from ... import links
from ...models import Announcement, ComponentUpdate, Delivery, Page, Subscriber
from ...statuspage_api import moment
from ...wording import words
from ..ledger.writer import ClaimedDelivery
from . import slack, statuspage, teams
from .chat import encoded
from .content import MessageContent

Json = dict[str, Any]

# Replaced by the recipient's own values. They contain non-characters, which no text of the page has.
UNSUBSCRIBE, CODE, CREATED = "\ufdd2unsubscribe\ufdd2", "\ufdd2code\ufdd2", "\ufdd2created\ufdd2"
Channel = Subscriber.Channel


@dataclass(frozen=True)
class Payload:
    """A body in one language, without the values that differ between recipients."""

    body: bytes
    language: str
    time_zone: str = ""

    def for_recipient(self, row: ClaimedDelivery) -> bytes:
        """Return the bytes for one recipient; the values filled in are the same at every attempt."""
        values: dict[str, Callable[[ClaimedDelivery], str]] = {
            UNSUBSCRIBE: self._unsubscribe_link,
            CODE: lambda row: verification_code(row.subscriber_id, row.opt_in_round),
            CREATED: self._created_at,
        }
        body = self.body
        for placeholder, value_for in values.items():
            if placeholder.encode() in body:
                body = body.replace(placeholder.encode(), value_for(row).encode())
        return body

    def _unsubscribe_link(self, row: ClaimedDelivery) -> str:
        token = links.sign(links.Purpose.UNSUBSCRIBE, row.subscriber_id, row.dated_at)
        return links.absolute(links.dynamic("subscriptions:unsubscribe", self.language, token))

    def _created_at(self, row: ClaimedDelivery) -> str:
        with timezone.override(self.time_zone or timezone.get_default_timezone()):
            return moment(row.dated_at)


def verification_code(subscriber_id: str, opt_in_round: int, key: str | None = None) -> str:
    """Return the code that the owner reads at the webhook, `ABCD-EFGH`: 40 bits, valid for one opt-in round."""
    value = f"{subscriber_id}:{opt_in_round}"
    digest = salted_hmac("incidents.webhook.code", value, key, algorithm="sha256").digest()
    text = base64.b32encode(digest[:5]).decode()
    return f"{text[:4]}-{text[4:]}"


def render(
    channel: str, kind: str, language: str, news: Announcement | ComponentUpdate | None, zone: str = ""
) -> Payload:
    """Render a post in a language, with times in `zone` or the page's. Without news it is a code."""
    page = Page.objects.current()
    time_zone = zone or page.time_zone
    with translation.override(language), timezone.override(time_zone):
        name = words(page.name) or settings.SITE_HOST
        if isinstance(news, Announcement):
            body = _NEWS[channel](page, name, news, language)
        elif news is not None and channel == Channel.WEBHOOK:
            body = statuspage.component_news(page, UNSUBSCRIBE, news)
        elif news is None and kind == Delivery.Letter.CODE:
            body = _CODES[channel](page, name)
        else:
            raise ValueError(f"“{kind}” is not sent to {channel}.")
    return Payload(encoded(body), language, time_zone)


_CODES: dict[str, Callable[[Page, str], Json]] = {
    Channel.WEBHOOK: lambda page, _name: statuspage.verification(page, UNSUBSCRIBE, CODE, CREATED),
    Channel.SLACK: lambda _page, name: slack.code_message(name, CODE),
    Channel.TEAMS: lambda _page, name: teams.code_message(name, CODE),
}
_NEWS: dict[str, Callable[[Page, str, Announcement, str], Json]] = {
    Channel.WEBHOOK: lambda page, _name, news, _language: statuspage.news(page, UNSUBSCRIBE, news),
    Channel.SLACK: lambda _page, name, news, language: slack.message(name, MessageContent(news, language)),
    Channel.TEAMS: lambda _page, name, news, language: teams.message(name, MessageContent(news, language)),
}
