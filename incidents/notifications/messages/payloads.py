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
from ...wording import words
from ..ledger.writer import ClaimedDelivery
from . import slack, statuspage, teams
from .chat import encoded
from .content import MessageContent

Json = dict[str, Any]

# Replaced by the recipient's own values. They contain non-characters, which no text of the page has.
UNSUBSCRIBE, CODE = "\ufdd2unsubscribe\ufdd2", "\ufdd2code\ufdd2"
Channel = Subscriber.Channel


@dataclass(frozen=True)
class Payload:
    """A body in one language, without the values that differ between recipients."""

    body: bytes
    language: str

    def for_recipient(self, row: ClaimedDelivery) -> bytes:
        """Return the bytes for one recipient; the values filled in are the same at every attempt."""
        token = ""
        if UNSUBSCRIBE.encode() in self.body:
            token = links.sign(links.Purpose.UNSUBSCRIBE, row.subscriber_id, row.dated_at)
        link = links.absolute(links.dynamic("subscriptions:unsubscribe", self.language, token)) if token else ""
        code = verification_code(row.subscriber_id, row.opt_in_round)
        return self.body.replace(UNSUBSCRIBE.encode(), link.encode()).replace(CODE.encode(), code.encode())


def verification_code(subscriber_id: str, opt_in_round: int) -> str:
    """Return the code that the owner reads at the webhook, `ABCD-EFGH`: 40 bits, valid for one opt-in round."""
    digest = salted_hmac("incidents.webhook.code", f"{subscriber_id}:{opt_in_round}", algorithm="sha256").digest()
    text = base64.b32encode(digest[:5]).decode()
    return f"{text[:4]}-{text[4:]}"


def render(
    channel: str, kind: str, language: str, news: Announcement | ComponentUpdate | None, zone: str = ""
) -> Payload:
    """Render a post in a language, with times in `zone` or the page's. Without news it is a code."""
    page = Page.objects.current()
    with translation.override(language), timezone.override(zone or page.time_zone):
        name = words(page.name) or settings.SITE_HOST
        if isinstance(news, Announcement):
            body = _NEWS[channel](page, name, MessageContent(news, language))
        elif news is not None and channel == Channel.WEBHOOK:
            body = statuspage.component_news(page, UNSUBSCRIBE, news)
        elif news is None and kind == Delivery.Letter.CODE:
            body = _CODES[channel](page, name)
        else:
            raise ValueError(f"“{kind}” is not sent to {channel}.")
    return Payload(encoded(body), language)


_CODES: dict[str, Callable[[Page, str], Json]] = {
    Channel.WEBHOOK: lambda page, _name: statuspage.verification(page, UNSUBSCRIBE, CODE),
    Channel.SLACK: lambda _page, name: slack.code_message(name, CODE),
    Channel.TEAMS: lambda _page, name: teams.code_message(name, CODE),
}
_NEWS: dict[str, Callable[[Page, str, MessageContent], Json]] = {
    Channel.WEBHOOK: lambda page, _name, content: statuspage.news(page, UNSUBSCRIBE, content.incident),
    Channel.SLACK: lambda _page, name, content: slack.message(name, content),
    Channel.TEAMS: lambda _page, name, content: teams.message(name, content),
}
