"""Works off what is due: claims rows, renders their letters, and feeds them to some connections."""

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
from ..messages.email import Mail, render
from .connection import RelayHealth, Sender, SmtpTransport
from .dispatcher import Dispatcher
from .group_commit import GroupCommit
from .rate_limit import RateLimiter

logger = logging.getLogger(__name__)

# What letters have in common that are rendered once: announcement, channel, letter, language, time zone.
_Key = tuple[int | None, str, str, str, str]
Written = TypeVar("Written")

# A job ends by itself after this and another goes on, so that workers can be stopped and share the work.
SECONDS = 120


class Worker(ABC, Generic[Written]):
    """One job's work, whatever the channel: its hooks `claim` rows, `render` their letters, and make a `carrier`."""

    def __init__(self, batch: int, connections: int, rate: float = 0, destination_rate: float = 0) -> None:
        self.batch = batch
        self.connections = connections
        self.ledger = Ledger()
        self.dispatcher = Dispatcher(destination_rate)
        self.relay = RelayHealth()
        self.rate_limiter = RateLimiter(rate)
        self.letters: dict[_Key, Written] = {}
        self.unwritable: dict[_Key, str] = {}
        self.senders: list[asyncio.Task[None]] = []
        self.has_more = False  # the last claim was as large as it may be

    @abstractmethod
    async def claim(self) -> list[ClaimedDelivery]:
        """Rows that may go now. Sets `has_more`."""

    @abstractmethod
    def render(self, row: ClaimedDelivery) -> Written:
        """The letter of this row and of all that have it in common; asks the database."""

    @abstractmethod
    def sender(self) -> Sender:
        """For one more connection."""

    def run(self) -> bool:
        """Sends what is due; returns whether time was up before all of it was claimed."""
        with self.ledger.shared():
            return asyncio.run(self._run())

    async def _run(self) -> bool:
        """All connections in one thread; only what waits by itself, the database and a greeting, has others."""
        self.commits = GroupCommit(self.ledger)
        openers = ThreadPoolExecutor(self.connections, "opening")
        asyncio.get_running_loop().set_default_executor(openers)
        try:
            return await self._work()
        finally:
            left = self.dispatcher.close()
            await asyncio.gather(*self.senders, return_exceptions=True)
            await self._give_back(left)
            self.commits.close()

    async def _work(self) -> bool:
        """Rows that are parked, put off or taken away meanwhile are not waited for."""
        until = time.monotonic() + SECONDS
        while time.monotonic() < until and not self.dispatcher.is_closed:
            was_idle = self._is_idle()
            claimed = await self._claim()
            if was_idle and not claimed:
                break
            self._start_senders()
            await self.dispatcher.wait_until_below(self.low_water() if self.has_more else 1, 0.5)
        unfinished = time.monotonic() >= until
        while not self.dispatcher.is_closed and self.dispatcher.at_hand:
            self._start_senders()
            await self.dispatcher.wait_until_below(1, 0.2)
        await self._give_back(self.dispatcher.close())
        await asyncio.gather(*self.senders)
        return unfinished

    async def _give_back(self, rows: list[ClaimedDelivery]) -> None:
        await self.commits.run(lambda: claims.give_up(rows))

    async def _claim(self) -> int:
        """Returns how many rows there were."""
        rows = await self.claim()
        self.dispatcher.offer([row for row in rows if await self._is_rendered(row)])
        return len(rows)

    async def _is_rendered(self, row: ClaimedDelivery) -> bool:
        """Whether its letter is there to be sent; if it cannot be written the row fails and says why."""
        key = _key(row)
        if key not in self.letters and key not in self.unwritable:
            try:
                self.letters[key] = await self.commits.run(lambda: self.render(row))
            except OperationalError:
                raise  # the database's fault and no letter's
            except Exception as error:
                # Whatever a template or a text meets: the other letters go out all the same.
                logger.exception("The letter “%s” in %s cannot be written", row.letter, row.language)
                self.unwritable[key] = f"The letter cannot be written: {error!r}"[:500]
        if key in self.unwritable:
            await self._fail(row, self.unwritable[key])
        return key in self.letters

    async def _fail(self, row: ClaimedDelivery, why: str) -> None:
        """Only while we hold it; staff find it among the failed and can send it again."""
        held = Delivery.objects.filter(pk=row.id, lease_until=row.lease)
        await self.commits.run(lambda: transition(held, DeliveryState.FAILED, reply=why, reply_code=None))
        for name in row.probes:
            await self.commits.run(lambda name=name: destinations.return_probe(name, timezone.now()))  # type: ignore[misc]

    def _start_senders(self) -> None:
        """One connection until the relay has taken a letter, then as many as there is work for."""
        for member in self.senders:
            if member.done():
                member.result()
        self.senders = [member for member in self.senders if not member.done()]
        wanted = self.connections if self.relay.answers else 1
        for _ in range(min(wanted, self.dispatcher.left) - len(self.senders)):
            self.senders.append(asyncio.create_task(self.sender().run()))

    def letter(self, row: ClaimedDelivery) -> Written:
        return self.letters[_key(row)]

    def low_water(self) -> int:
        """When to claim again, so that the connections do not run dry."""
        return max(self.batch // 4, 2 * self.connections)

    def _is_idle(self) -> bool:
        return self.dispatcher.left == 0


def _key(row: ClaimedDelivery) -> _Key:
    return row.announcement_id, row.channel, row.letter, row.language, row.time_zone


def announcement_of(row: ClaimedDelivery) -> Announcement | None:
    if row.announcement_id is None:
        return None
    return Announcement.objects.select_related("update__incident").get(pk=row.announcement_id)


class MailWorker(Worker[Mail]):
    """The mails of one announcement, or with None those that belong to none."""

    def __init__(self, announcement_id: int | None, batch: int) -> None:
        super().__init__(batch, settings.EMAIL_CONNECTIONS, settings.EMAIL_RATE, settings.DESTINATION_RATE)
        self.announcement_id = announcement_id

    async def claim(self) -> list[ClaimedDelivery]:
        """Letters that somebody waits for before a screen go before announcements.

        With a slow relay no more than that is held: the others are for other workers.
        """
        rows = await self._claimed(None)
        if self.announcement_id is None:
            self.has_more = len(rows) >= self.batch
        elif self.dispatcher.at_hand < self.low_water():
            found = await self._claimed(self.announcement_id)
            self.has_more = len(found) >= self.batch
            rows += found
        return rows

    async def _claimed(self, announcement_id: int | None) -> list[ClaimedDelivery]:
        provided = self.dispatcher.provided()
        return await self.commits.run(lambda: claims.claim(announcement_id, self.batch, timezone.now(), provided))

    def render(self, row: ClaimedDelivery) -> Mail:
        return render(row.letter, row.language, announcement_of(row), row.time_zone)

    def sender(self) -> Sender:
        return Sender(self.commits, self.dispatcher, self.relay, SmtpTransport(self.mail), self.rate_limiter)

    def mail(self, row: ClaimedDelivery) -> bytes:
        """The bytes for one recipient. Raises ValueError for what cannot be written."""
        return self.letter(row).to(row)
