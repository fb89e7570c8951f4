"""Workers: they claim due deliveries, render their messages, and feed them to connections."""

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

from django.db import OperationalError

from ...models import Announcement, Delivery, DeliveryState
from ..ledger import claims, destinations, holders
from ..ledger.writer import ClaimedDelivery, Ledger, transition
from . import stopping
from .concurrency import ConnectionLimit
from .connection import Sender, Shared, Transport
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
    """The work of one job. Subclasses `claim` rows, `render` their messages, and `create_transport`."""

    poll_seconds = 0.5  # how often it claims, and checks whether it must end
    sends_all_claimed = True  # also when it must end; otherwise rows that were not started are given back

    def __init__(self, batch: int, dispatcher: Dispatcher, relay: ConnectionLimit, rate: float = 0) -> None:
        self.batch = batch
        self.ledger = Ledger()
        self.dispatcher = dispatcher
        self.relay = relay
        self.rate_limiter = RateLimiter(rate)
        self.rendered: dict[_RenderKey, Rendered] = {}
        self.render_errors: dict[_RenderKey, str] = {}
        self.senders: list[Sender] = []
        self.has_more = False  # the last claim reached its limit, so the next one may find more
        self.leaves_more = False  # the job ends although more is due

    @abstractmethod
    async def claim(self) -> list[ClaimedDelivery]:
        """Claim rows to send now. Sets `has_more`."""

    @abstractmethod
    def render(self, row: ClaimedDelivery) -> Rendered:
        """Render the message of this row and of all with the same key. Uses the database."""

    @abstractmethod
    def create_transport(self) -> Transport:
        """Create the transport of one more connection."""

    def remember(self) -> None:
        """Store what staff and later jobs should know of the server. Called every few seconds, and at the end."""

    def create_sender(self, shared: Shared) -> Sender:
        return Sender(shared, self.create_transport())

    def run(self) -> bool:
        """Send what is due. Return whether the job ended before all of it was claimed."""
        with self.ledger.shared():
            self.ledger.begin()
            try:
                return asyncio.run(self._run())
            except holders.HolderLost:
                logger.exception("Another job sends what is left")
                return True
            finally:
                self.ledger.end()

    async def _run(self) -> bool:
        # All connections run in one thread. Only blocking calls use others: to the database, and to connect.
        self.commits = GroupCommit(self.ledger, lambda: self.relay.open)
        self.shared = Shared(self.ledger.holder, self.commits, self.dispatcher, self.relay, self.rate_limiter)
        asyncio.get_running_loop().set_default_executor(_UnawaitedThreads(self.relay.maximum, "blocking"))
        renewal = asyncio.create_task(self._renew_claims())
        try:
            is_unfinished = await self._work()
        finally:
            renewal.cancel()
            self.dispatcher.close()
            await self._end_senders()
            self.commits.close()
        if renewal.done() and not renewal.cancelled():
            renewal.result()  # raises what ended it
        return is_unfinished

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
        self.dispatcher.close()
        await self._give_back_unsent()
        await self._end_senders()
        self._raise_errors(self.senders)
        return is_unfinished

    async def must_end(self) -> bool:
        """Whether another job has to do the rest."""
        return stopping.is_requested() or time.monotonic() >= self.ends_at

    async def _finish_claimed(self) -> None:
        while self._may_go_on() and self.dispatcher.pending_without_held_back():
            self._start_senders()
            await self.dispatcher.wait_until_below(1, 0.2)

    def _may_go_on(self) -> bool:
        return not self.dispatcher.is_closed and not stopping.is_requested()

    async def _give_back_unsent(self) -> None:
        # At once: a connection may still wait for a reply for minutes.
        unsent = self.dispatcher.drain()
        await self.commits.run(lambda: claims.give_up(self.ledger.holder, unsent))

    async def _end_senders(self) -> None:
        # Wait for messages in flight. When the worker is to stop, their connections are closed after a while.
        grace = stopping.GRACE.total_seconds()
        while running := [sender for sender in self.senders if not sender.task.done()]:
            if stopping.is_requested():
                _hurry(running, is_patient=grace > 0)
                grace -= 0.2
            await asyncio.wait([sender.task for sender in running], timeout=0.2)

    async def _renew_claims(self) -> None:
        while True:
            await asyncio.sleep(holders.RENEW_EVERY.total_seconds())
            try:
                await self.commits.run(self._renew)
            except holders.HolderLost:
                self.dispatcher.close()
                raise

    def _renew(self) -> None:
        self.ledger.renew()
        self.remember()

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
        claimed = Delivery.objects.filter(pk=row.id, holder=self.ledger.holder, claimed_at=row.claimed_at)
        await self.commits.run(lambda: transition(claimed, DeliveryState.FAILED, reply=error, reply_code=None))
        if row.probes:
            await self.commits.run(lambda: destinations.return_probes(self.ledger.holder, row.probes))

    def _start_senders(self) -> None:
        # Start one connection until the relay has answered, then as many as it takes and there is work for.
        self._raise_errors([sender for sender in self.senders if sender.task.done()])
        self.senders = [sender for sender in self.senders if not sender.task.done()]
        for _ in range(min(self.relay.wanted, self.dispatcher.pending) - len(self.senders)):
            self.senders.append(self.create_sender(self.shared))

    @staticmethod
    def _raise_errors(ended: Iterable[Sender]) -> None:
        for sender in ended:
            if not sender.task.cancelled():
                sender.task.result()

    def rendered_for(self, row: ClaimedDelivery) -> Rendered:
        return self.rendered[_render_key(row)]

    def low_water(self) -> int:
        """The number of pending rows below which more are claimed, so that no connection is idle."""
        return max(self.batch // 4, 2 * self.relay.maximum)

    def _is_idle(self) -> bool:
        return self.dispatcher.pending == 0


def _hurry(senders: Iterable[Sender], *, is_patient: bool) -> None:
    for sender in senders:
        if is_patient:
            sender.cancel_before_start()
        else:
            sender.abort()


class _UnawaitedThreads(ThreadPoolExecutor):
    # A thread that waits for a connection to be opened must not keep a worker from ending.
    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        super().shutdown(wait=False, cancel_futures=True)


def _render_key(row: ClaimedDelivery) -> _RenderKey:
    return row.announcement_id, row.component_update_id, row.channel, row.letter, row.language, row.time_zone


def announcement_of(row: ClaimedDelivery) -> Announcement | None:
    if row.announcement_id is None:
        return None
    return Announcement.objects.select_related("update__incident").get(pk=row.announcement_id)
