"""Workers: they claim due deliveries, render their messages, and feed them to connections."""

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

from django.conf import settings
from django.db import OperationalError
from django.utils import timezone

from ...models import Announcement, Delivery, DeliveryState
from .. import queues
from ..ledger import claims, destinations
from ..ledger.writer import ClaimedDelivery, Ledger, transition
from ..messages.email import RenderedEmail, render
from .connection import RelayHealth, Sender, SmtpTransport
from .dispatcher import Dispatcher
from .group_commit import GroupCommit
from .rate_limit import RateLimiter

logger = logging.getLogger(__name__)

# Messages with the same key are rendered once: announcement, component update, channel, kind, language, time zone.
_RenderKey = tuple[int | None, str | None, str, str, str, str]
Rendered = TypeVar("Rendered")

# A job ends after this and enqueues another, so that workers can be stopped and share the work.
JOB_SECONDS = 120
# Single messages per job. A job ends sooner while an announcement waits for a worker.
_MESSAGE_BATCH = 100
# While an announcement is sent, every twentieth email is a single message at most: subscribers come first, but nobody
# waits for a confirmation until a hundred thousand are notified.
_NEWS_PER_MESSAGE = 20


class Worker(ABC, Generic[Rendered]):
    """The work of one job. Subclasses `claim` rows, `render` their messages, and `create_sender`."""

    poll_seconds = 0.5  # how often it claims, and checks whether it must end
    sends_all_claimed = True  # also when it must end; otherwise rows that were not started are given back

    def __init__(self, batch: int, connections: int, rate: float = 0, destination_rate: float = 0) -> None:
        self.batch = batch
        self.connections = connections
        self.ledger = Ledger()
        self.dispatcher = Dispatcher(destination_rate)
        self.relay = RelayHealth()
        self.rate_limiter = RateLimiter(rate)
        self.rendered: dict[_RenderKey, Rendered] = {}
        self.render_errors: dict[_RenderKey, str] = {}
        self.senders: list[asyncio.Task[None]] = []
        self.has_more = False  # the last claim reached its limit, so the next one may find more
        self.leaves_more = False  # the job ends although more is due

    @abstractmethod
    async def claim(self) -> list[ClaimedDelivery]:
        """Claim rows to send now. Sets `has_more`."""

    @abstractmethod
    def render(self, row: ClaimedDelivery) -> Rendered:
        """Render the message of this row and of all with the same key. Uses the database."""

    @abstractmethod
    def create_sender(self) -> Sender:
        """Create the sender of one more connection."""

    def run(self) -> bool:
        """Send what is due. Return whether the job ended before all of it was claimed."""
        with self.ledger.shared():
            return asyncio.run(self._run())

    async def _run(self) -> bool:
        # All connections run in one thread. Only blocking calls use others: to the database, and to connect.
        self.commits = GroupCommit(self.ledger)
        executor = ThreadPoolExecutor(self.connections, "blocking")
        asyncio.get_running_loop().set_default_executor(executor)
        try:
            return await self._work()
        finally:
            unused = self.dispatcher.close()
            await asyncio.gather(*self.senders, return_exceptions=True)
            await self._give_up_claims(unused)
            self.commits.close()

    async def _work(self) -> bool:
        # Claim and send until nothing is due. Rows that are deferred or revoked on the way are not waited for.
        self.ends_at = time.monotonic() + JOB_SECONDS
        must_end = False
        while not must_end and not self.dispatcher.is_closed:
            was_idle = self._is_idle()
            claimed = await self._claim_and_render()
            if was_idle and not claimed:
                break
            self._start_senders()
            await self.dispatcher.wait_until_below(self.low_water() if self.has_more else 1, self.poll_seconds)
            must_end = await self.must_end()
        is_unfinished = must_end or (self.leaves_more and not self.dispatcher.is_closed)
        if self.sends_all_claimed:
            await self._finish_claimed()
        await self._give_up_claims(self.dispatcher.close())
        await asyncio.gather(*self.senders)
        return is_unfinished

    async def must_end(self) -> bool:
        """Whether another job has to do the rest."""
        return time.monotonic() >= self.ends_at

    async def _finish_claimed(self) -> None:
        while not self.dispatcher.is_closed and self.dispatcher.pending_without_rate_limited():
            self._start_senders()
            await self.dispatcher.wait_until_below(1, 0.2)

    async def _give_up_claims(self, rows: list[ClaimedDelivery]) -> None:
        await self.commits.run(lambda: claims.give_up(rows))

    async def _claim_and_render(self) -> int:
        # Return how many rows were claimed.
        rows = await self.claim()
        self.dispatcher.add([row for row in rows if await self._is_rendered(row)])
        return len(rows)

    async def _is_rendered(self, row: ClaimedDelivery) -> bool:
        # Whether its message is rendered; if rendering fails, the delivery fails with the error as its reply.
        key = _render_key(row)
        if key not in self.rendered and key not in self.render_errors:
            try:
                self.rendered[key] = await self.commits.run(lambda: self.render(row))
            except OperationalError:
                raise  # the database failed, not the message
            except Exception as error:
                # Any error of a template or a text: all other messages are still sent.
                logger.exception("The message “%s” in %s cannot be rendered", row.letter, row.language)
                self.render_errors[key] = f"The message cannot be rendered: {error!r}"[:500]
        if key in self.render_errors:
            await self._fail(row, self.render_errors[key])
        return key in self.rendered

    async def _fail(self, row: ClaimedDelivery, error: str) -> None:
        # Fail a delivery that is still claimed; staff can retry it.
        claimed = Delivery.objects.filter(pk=row.id, lease_until=row.lease)
        await self.commits.run(lambda: transition(claimed, DeliveryState.FAILED, reply=error, reply_code=None))
        for name in row.probes:
            await self.commits.run(lambda name=name: destinations.return_probe(name, timezone.now()))  # type: ignore[misc]

    def _start_senders(self) -> None:
        # Start one connection until the relay has accepted a message, then as many as there is work for.
        for task in self.senders:
            if task.done():
                task.result()
        self.senders = [task for task in self.senders if not task.done()]
        wanted = self.connections if self.relay.has_accepted else 1
        for _ in range(min(wanted, self.dispatcher.pending) - len(self.senders)):
            self.senders.append(asyncio.create_task(self.create_sender().run()))

    def rendered_for(self, row: ClaimedDelivery) -> Rendered:
        return self.rendered[_render_key(row)]

    def low_water(self) -> int:
        """The number of pending rows below which more are claimed, so that no connection is idle."""
        return max(self.batch // 4, 2 * self.connections)

    def _is_idle(self) -> bool:
        return self.dispatcher.pending == 0


def _render_key(row: ClaimedDelivery) -> _RenderKey:
    return row.announcement_id, row.component_update_id, row.channel, row.letter, row.language, row.time_zone


def announcement_of(row: ClaimedDelivery) -> Announcement | None:
    if row.announcement_id is None:
        return None
    return Announcement.objects.select_related("update__incident").get(pk=row.announcement_id)


class EmailWorker(Worker[RenderedEmail]):
    """Sends emails through the mail server."""

    def __init__(self, batch: int) -> None:
        super().__init__(batch, settings.EMAIL_CONNECTIONS, settings.EMAIL_RATE, settings.DESTINATION_RATE)

    async def claim_of(self, announcement_id: int | None, limit: int) -> list[ClaimedDelivery]:
        """Claim emails of the announcement or, with None, single messages."""
        saturated = self.dispatcher.saturated()
        return await self.commits.run(lambda: claims.claim(announcement_id, limit, timezone.now(), saturated))

    def render(self, row: ClaimedDelivery) -> RenderedEmail:
        return render(row.letter, row.language, announcement_of(row), row.time_zone)

    def create_sender(self) -> Sender:
        return Sender(self.commits, self.dispatcher, self.relay, SmtpTransport(self.email_for), self.rate_limiter)

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

    async def claim(self) -> list[ClaimedDelivery]:
        """Claim emails of the announcement first; the share of single messages follows with the next claim.

        With a slow relay no more rows than needed are claimed, so that other workers can share the work.
        """
        share = self.claimed_news // _NEWS_PER_MESSAGE - self.claimed_messages
        messages = await self.claim_of(None, share) if share > 0 else []
        self.claimed_messages += len(messages)
        news: list[ClaimedDelivery] = []
        if self.dispatcher.pending_without_rate_limited() < self.low_water():
            news = await self.claim_of(self.announcement_id, self.batch)
            self.has_more = len(news) >= self.batch
            self.claimed_news += len(news)
        return [*news, *messages]


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
