"""The workers for email: one for an announcement, and one for single messages."""

import asyncio
import time

from django.conf import settings
from django.utils import timezone

from .. import queues
from ..addressing import relay_name
from ..ledger import claims, destinations, pipelining
from ..ledger.writer import ClaimedDelivery
from ..messages.email import RenderedEmail, render
from .concurrency import ConnectionLimit
from .connection import SmtpTransport, Transport
from .dispatcher import Dispatcher
from .worker import Worker, announcement_of

# Single messages per job. A job ends sooner while an announcement waits for a worker.
_MESSAGE_BATCH = 100
# While an announcement is sent, every twentieth email is a single message at most: subscribers come first, but nobody
# waits for a confirmation until a hundred thousand are notified.
_NEWS_PER_MESSAGE = 20
# A fast worker claims more at a time than LEDGER_BATCH: half the cost of a claim does not depend on its size.
_MAX_BATCHES = 4


class EmailWorker(Worker[RenderedEmail]):
    """Sends emails through the mail server."""

    def __init__(self, batch: int) -> None:
        self.known_connections = destinations.connections_of(relay_name())
        self.pipelining = pipelining.known(relay_name(), timezone.now())
        relay = ConnectionLimit(settings.EMAIL_CONNECTIONS, self.known_connections)
        super().__init__(batch, Dispatcher(settings.DESTINATION_RATE), relay, settings.EMAIL_RATE)

    def run(self) -> bool:
        is_unfinished = super().run()
        self.remember()
        return is_unfinished

    def remember(self) -> None:
        """Whether PIPELINING works, and how many connections the relay takes."""
        pipelining.remember(relay_name(), self.pipelining, timezone.now())
        if self.relay.learned != self.known_connections and not self.relay.is_failing:
            self.known_connections = self.relay.learned
            destinations.record_connections(relay_name(), self.known_connections)

    async def claim_of(self, announcement_id: int | None, limit: int) -> list[ClaimedDelivery]:
        """Claim emails of the announcement or, with None, single messages."""
        holder, saturated = self.ledger.holder, self.dispatcher.saturated()
        return await self.commits.run(lambda: claims.claim(holder, announcement_id, limit, timezone.now(), saturated))

    def render(self, row: ClaimedDelivery) -> RenderedEmail:
        return render(row.letter, row.language, announcement_of(row), row.time_zone)

    def create_transport(self) -> Transport:
        return SmtpTransport(self.email_for, self.pipelining)

    def email_for(self, row: ClaimedDelivery) -> bytes:
        """Return the bytes for one recipient. Raises ValueError if they cannot be built."""
        return self.rendered_for(row).for_recipient(row)


class MailWorker(EmailWorker):
    """Sends the emails of one announcement, and a small share of single messages on the way."""

    def __init__(self, announcement_id: int, batch: int) -> None:
        super().__init__(batch)
        self.announcement_id = announcement_id
        self.claimed_news = 0
        self.claimed_messages = 0
        self.began_at = time.monotonic()

    async def claim(self) -> list[ClaimedDelivery]:
        """Claim emails of the announcement first; the share of single messages follows with the next claim.

        With a slow relay no more rows than needed are claimed, so that other workers can share the work.
        """
        share = self.claimed_news // _NEWS_PER_MESSAGE - self.claimed_messages
        messages = await self.claim_of(None, share) if share > 0 else []
        self.claimed_messages += len(messages)
        news: list[ClaimedDelivery] = []
        if self.dispatcher.pending_without_held_back() < self.low_water():
            limit = self.next_batch(time.monotonic() - self.began_at)
            news = await self.claim_of(self.announcement_id, limit)
            self.has_more = len(news) >= limit
            self.claimed_news += len(news)
        return [*news, *messages]

    def next_batch(self, elapsed: float) -> int:
        """Return how many rows to claim: as many as it has sent in a second, from LEDGER_BATCH to four times as many.

        `elapsed` is how many seconds it has been sending.
        """
        sent = self.claimed_news - self.dispatcher.pending
        return min(max(self.batch, int(sent / max(elapsed, 1))), _MAX_BATCHES * self.batch)


class MessageWorker(EmailWorker):
    """Sends one batch of single messages, and ends early when an announcement waits for a worker.

    It claims no more than EMAIL_RATE allows in a second.
    """

    poll_seconds = 0.1
    sends_all_claimed = False

    def __init__(self) -> None:
        super().__init__(min(_MESSAGE_BATCH, settings.EMAIL_RATE or _MESSAGE_BATCH))
        self.has_claimed = False

    async def claim(self) -> list[ClaimedDelivery]:
        if self.has_claimed:
            return []
        rows = await self.claim_of(None, self.batch)
        self.has_claimed, self.leaves_more = True, len(rows) >= self.batch
        return rows

    async def must_end(self) -> bool:
        """Checked after each claim, so that it sends at least one message: the announcement may have its own worker."""
        return await super().must_end() or await asyncio.to_thread(queues.is_waiting, queues.EMAILS)
