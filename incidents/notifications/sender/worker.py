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


class Worker(ABC, Generic[Rendered]):
    """The work of one job. Subclasses `claim` rows, `render` their messages, and `create_sender`."""

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
        self.has_more = False  # the last claim reached its limit

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
        """Send what is due. Return whether the job's time ended before all of it was claimed."""
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
        deadline = time.monotonic() + JOB_SECONDS
        while time.monotonic() < deadline and not self.dispatcher.is_closed:
            was_idle = self._is_idle()
            claimed = await self._claim_and_render()
            if was_idle and not claimed:
                break
            self._start_senders()
            await self.dispatcher.wait_until_below(self.low_water() if self.has_more else 1, 0.5)
        is_unfinished = time.monotonic() >= deadline
        while not self.dispatcher.is_closed and self.dispatcher.pending_without_rate_limited():
            self._start_senders()
            await self.dispatcher.wait_until_below(1, 0.2)
        await self._give_up_claims(self.dispatcher.close())
        await asyncio.gather(*self.senders)
        return is_unfinished

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


class MailWorker(Worker[RenderedEmail]):
    """Sends the emails of one announcement or, with None, the single messages."""

    def __init__(self, announcement_id: int | None, batch: int) -> None:
        super().__init__(batch, settings.EMAIL_CONNECTIONS, settings.EMAIL_RATE, settings.DESTINATION_RATE)
        self.announcement_id = announcement_id

    async def claim(self) -> list[ClaimedDelivery]:
        """Claim single messages first: their recipients are waiting for them.

        With a slow relay no more rows than needed are claimed, so that other workers can share the work.
        """
        rows = await self._claim_of(None)
        if self.announcement_id is None:
            self.has_more = len(rows) >= self.batch
        elif self.dispatcher.pending_without_rate_limited() < self.low_water():
            announced = await self._claim_of(self.announcement_id)
            self.has_more = len(announced) >= self.batch
            rows += announced
        return rows

    async def _claim_of(self, announcement_id: int | None) -> list[ClaimedDelivery]:
        saturated = self.dispatcher.saturated()
        return await self.commits.run(lambda: claims.claim(announcement_id, self.batch, timezone.now(), saturated))

    def render(self, row: ClaimedDelivery) -> RenderedEmail:
        return render(row.letter, row.language, announcement_of(row), row.time_zone)

    def create_sender(self) -> Sender:
        return Sender(self.commits, self.dispatcher, self.relay, SmtpTransport(self.email_for), self.rate_limiter)

    def email_for(self, row: ClaimedDelivery) -> bytes:
        """Return the bytes for one recipient. Raises ValueError if they cannot be built."""
        return self.rendered_for(row).for_recipient(row)
