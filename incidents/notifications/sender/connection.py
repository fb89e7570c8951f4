"""One connection's work: take a row, write that it goes on the wire, send it, see what follows from the answer."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from django.utils import timezone

from ..addressing import relay_name
from ..channels.base import Busy, ChannelError, Lost, Refused, Reply, Scope
from ..channels.email import EmailChannel, envelope_sender
from ..ledger import destinations, outcomes
from ..ledger.writer import ClaimedDelivery, Outcome
from ..suspension import suspend
from .dispatcher import Dispatcher, Result
from .group_commit import GroupCommit
from .rate_limit import RateLimiter

logger = logging.getLogger(__name__)

# Failures of a relay in a row, after it has taken mail, that make it count as down.
_RELAY_PATIENCE = 5
# So many destinations put us off and none answers: then it is the relay that speaks.
_DESTINATIONS_PATIENCE = 5


@dataclass
class RelayHealth:
    """What all connections of a worker have seen of the relay."""

    answers: bool = False
    _failures: int = 0
    _putting_off: set[str] = field(default_factory=set)

    def answered(self) -> None:
        self.answers, self._failures = True, 0
        self._putting_off.clear()

    def failed(self) -> bool:
        """Notes a failure; returns whether the relay is to count as down."""
        self._failures += 1
        return not self.answers or self._failures >= _RELAY_PATIENCE

    def deferred(self, destination: str) -> bool:
        self._putting_off.add(destination)
        return len(self._putting_off) >= _DESTINATIONS_PATIENCE


class Transport(Protocol):
    """One task's way out. Both may raise a ChannelError: `prepare` only Busy."""

    async def prepare(self) -> None: ...

    def send(self, row: ClaimedDelivery) -> Awaitable[Reply]: ...

    def close(self) -> None: ...


class SmtpTransport:
    """A connection to the mail relay, and the letters that go over it."""

    def __init__(self, write_mail: Callable[[ClaimedDelivery], bytes]) -> None:
        self.write_mail = write_mail
        self.channel = EmailChannel()
        self.prepare = self.channel.prepare
        self.close = self.channel.close

    def send(self, row: ClaimedDelivery) -> Awaitable[Reply]:
        return self.channel.deliver(envelope_sender(row.id), row.address, self._content(row))

    def _content(self, row: ClaimedDelivery) -> bytes:
        try:
            return self.write_mail(row)
        except ValueError as error:
            raise Refused(Reply(0, f"The letter cannot be written: {error}")) from error


class Sender:
    """Runs as a task of its own, with a wire of its own, until the desk has nothing more."""

    def __init__(
        self,
        commits: GroupCommit,
        dispatcher: Dispatcher,
        relay: RelayHealth,
        transport: Transport,
        rate_limiter: RateLimiter,
    ):
        self.commits = commits
        self.dispatcher = dispatcher
        self.relay = relay
        self.transport = transport
        self.rate_limiter = rate_limiter
        self.unwritten: Outcome | None = None

    async def run(self) -> None:
        """Whatever goes wrong here that has no name ends the worker rather than only this task."""
        try:
            while (row := await self._next()) is not None and await self._begin(row):
                self.unwritten = await self._send(row)
        except BaseException:
            self.dispatcher.close()
            raise
        finally:
            self.transport.close()

    async def _next(self) -> ClaimedDelivery | None:
        """The outcome of the last letter is written with the beginning of the next, or at once if there is none."""
        row = self.dispatcher.take()
        if row is None:
            await self._write_down()
            row = await self.dispatcher.next()
        return row

    async def _write_down(self) -> None:
        if self.unwritten is not None:
            await self.commits.write(self.unwritten, None)
            self.unwritten = None

    async def _begin(self, row: ClaimedDelivery) -> bool:
        """Makes the connection ready. If that fails the row was not touched, and this task ends."""
        try:
            await self.transport.prepare()
        except Busy as error:
            await self._write_down()
            self.dispatcher.settle(row, Result.NOTHING)
            if not await self._relay_failed(row, error.reply):
                self.dispatcher.offer([row])
            return False
        return True

    async def _send(self, row: ClaimedDelivery) -> Outcome | None:
        """Returns an outcome that may wait for the next row; what has consequences is written before them."""
        await self.rate_limiter.wait()
        outcome, self.unwritten = self.unwritten, None
        if not await self.commits.write(outcome, row):
            self.dispatcher.settle(row, Result.NOTHING)
            await self._give_probes_back(row)
            return None
        try:
            reply = await self.transport.send(row)
        except ChannelError as error:
            await self.commits.write(outcomes.not_accepted(row, error, timezone.now()), None)
            await self._follow(row, error)
            return None
        return await self._taken(row, outcomes.accepted(row, reply, timezone.now()))

    async def _taken(self, row: ClaimedDelivery, outcome: Outcome) -> Outcome | None:
        self.relay.answered()
        if row.probes:
            await self.commits.write(outcome, None)
            await self._recovered(row)
        self.dispatcher.settle(row, Result.ANSWERS)
        return None if row.probes else outcome

    # -- what follows from a letter that was not taken -------------------------------------------------

    async def _follow(self, row: ClaimedDelivery, error: ChannelError) -> None:
        if isinstance(error, Lost) or error.scope is Scope.RELAY:
            self.dispatcher.settle(row, Result.NOTHING)
            await self._relay_failed(row, error.reply)
        elif error.scope is Scope.DESTINATION:
            await self._destination_defers(row, error.reply)
        else:
            if isinstance(error, Refused):
                await self._refused(row, error)
            await self._recovered(row)
            self.dispatcher.settle(row, Result.ANSWERS)

    async def _relay_failed(self, row: ClaimedDelivery, reply: Reply) -> bool:
        """Returns whether the relay counts as down now; then nobody gets another row."""
        down = self.relay.failed()
        if down or row.probes:
            logger.warning("The mail relay %s does not take mail: %s", relay_name(), reply)
            self.dispatcher.close()
            for name in {relay_name(), *row.probes}:
                await self._trouble(name, reply, row)
        return down

    async def _destination_defers(self, row: ClaimedDelivery, reply: Reply) -> None:
        relay = relay_name()
        if self.dispatcher.settle(row, Result.PUTS_OFF) or row.destination in row.probes:
            await self._trouble(row.destination, reply, row)
        same = relay in row.probes and await self.commits.run(lambda: destinations.is_same_failure(relay, reply))
        if same or self.relay.deferred(row.destination):
            self.dispatcher.close()
            await self._trouble(relay, reply, row)
        elif relay in row.probes:
            await self.commits.run(lambda: destinations.record_recovery(relay, timezone.now()))

    async def _refused(self, row: ClaimedDelivery, error: Refused) -> None:
        if error.address_is_gone:
            await self.commits.run(lambda: suspend(row.subscriber_id, str(error.reply)))
        elif error.is_policy:
            logger.error("Mail is refused for a matter of policy, which staff should look into: %s", error.reply)

    async def _trouble(self, name: str, reply: Reply, row: ClaimedDelivery) -> None:
        by_probe = name in row.probes
        await self.commits.run(
            lambda: destinations.record_failure(name, reply, timezone.now(), attempted=row.id, by_probe=by_probe)
        )

    async def _recovered(self, row: ClaimedDelivery) -> None:
        for name in row.probes:
            await self.commits.run(lambda name=name: destinations.record_recovery(name, timezone.now()))  # type: ignore[misc]

    async def _give_probes_back(self, row: ClaimedDelivery) -> None:
        for name in row.probes:
            await self.commits.run(lambda name=name: destinations.return_probe(name, timezone.now()))  # type: ignore[misc]
