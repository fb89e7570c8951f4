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
from ..ledger.writer import Held, Outcome
from ..suspension import suspend
from .dispatcher import Desk, Result
from .group_commit import Pen
from .rate_limit import Pace

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

    def put_off(self, destination: str) -> bool:
        self._putting_off.add(destination)
        return len(self._putting_off) >= _DESTINATIONS_PATIENCE


class Wire(Protocol):
    """One task's way out. Both may raise a ChannelError: `prepare` only Busy."""

    async def prepare(self) -> None: ...

    def send(self, row: Held) -> Awaitable[Reply]: ...

    def close(self) -> None: ...


class MailWire:
    """A connection to the mail relay, and the letters that go over it."""

    def __init__(self, write_mail: Callable[[Held], bytes]) -> None:
        self.write_mail = write_mail
        self.channel = EmailChannel()
        self.prepare = self.channel.prepare
        self.close = self.channel.close

    def send(self, row: Held) -> Awaitable[Reply]:
        return self.channel.deliver(envelope_sender(row.id), row.address, self._content(row))

    def _content(self, row: Held) -> bytes:
        try:
            return self.write_mail(row)
        except ValueError as error:
            raise Refused(Reply(0, f"The letter cannot be written: {error}")) from error


class Carrier:
    """Runs as a task of its own, with a wire of its own, until the desk has nothing more."""

    def __init__(self, pen: Pen, desk: Desk, relay: RelayHealth, wire: Wire, pace: Pace):
        self.pen = pen
        self.desk = desk
        self.relay = relay
        self.wire = wire
        self.pace = pace
        self.unwritten: Outcome | None = None

    async def run(self) -> None:
        """Whatever goes wrong here that has no name ends the worker rather than only this task."""
        try:
            while (row := await self._next()) is not None and await self._begin(row):
                self.unwritten = await self._carry(row)
        except BaseException:
            self.desk.close()
            raise
        finally:
            self.wire.close()

    async def _next(self) -> Held | None:
        """The outcome of the last letter is written with the beginning of the next, or at once if there is none."""
        row = self.desk.take()
        if row is None:
            await self._write_down()
            row = await self.desk.next()
        return row

    async def _write_down(self) -> None:
        if self.unwritten is not None:
            await self.pen.write(self.unwritten, None)
            self.unwritten = None

    async def _begin(self, row: Held) -> bool:
        """Makes the connection ready. If that fails the row was not touched, and this task ends."""
        try:
            await self.wire.prepare()
        except Busy as error:
            await self._write_down()
            self.desk.settle(row, Result.NOTHING)
            if not await self._relay_failed(row, error.reply):
                self.desk.offer([row])
            return False
        return True

    async def _carry(self, row: Held) -> Outcome | None:
        """Returns an outcome that may wait for the next row; what has consequences is written before them."""
        await self.pace.wait()
        outcome, self.unwritten = self.unwritten, None
        if not await self.pen.write(outcome, row):
            self.desk.settle(row, Result.NOTHING)
            await self._give_probes_back(row)
            return None
        try:
            reply = await self.wire.send(row)
        except ChannelError as error:
            await self.pen.write(outcomes.not_taken(row, error, timezone.now()), None)
            await self._follow(row, error)
            return None
        return await self._taken(row, outcomes.taken(row, reply, timezone.now()))

    async def _taken(self, row: Held, outcome: Outcome) -> Outcome | None:
        self.relay.answered()
        if row.probes:
            await self.pen.write(outcome, None)
            await self._recovered(row)
        self.desk.settle(row, Result.ANSWERS)
        return None if row.probes else outcome

    # -- what follows from a letter that was not taken -------------------------------------------------

    async def _follow(self, row: Held, error: ChannelError) -> None:
        if isinstance(error, Lost) or error.scope is Scope.RELAY:
            self.desk.settle(row, Result.NOTHING)
            await self._relay_failed(row, error.reply)
        elif error.scope is Scope.DESTINATION:
            await self._destination_puts_off(row, error.reply)
        else:
            if isinstance(error, Refused):
                await self._refused(row, error)
            await self._recovered(row)
            self.desk.settle(row, Result.ANSWERS)

    async def _relay_failed(self, row: Held, reply: Reply) -> bool:
        """Returns whether the relay counts as down now; then nobody gets another row."""
        down = self.relay.failed()
        if down or row.probes:
            logger.warning("The mail relay %s does not take mail: %s", relay_name(), reply)
            self.desk.close()
            for name in {relay_name(), *row.probes}:
                await self._trouble(name, reply, row)
        return down

    async def _destination_puts_off(self, row: Held, reply: Reply) -> None:
        relay = relay_name()
        if self.desk.settle(row, Result.PUTS_OFF) or row.destination in row.probes:
            await self._trouble(row.destination, reply, row)
        same = relay in row.probes and await self.pen.using(lambda: destinations.still_says_the_same(relay, reply))
        if same or self.relay.put_off(row.destination):
            self.desk.close()
            await self._trouble(relay, reply, row)
        elif relay in row.probes:
            await self.pen.using(lambda: destinations.note_recovery(relay, timezone.now()))

    async def _refused(self, row: Held, error: Refused) -> None:
        if error.address_is_gone:
            await self.pen.using(lambda: suspend(row.subscriber_id, str(error.reply)))
        elif error.is_policy:
            logger.error("Mail is refused for a matter of policy, which staff should look into: %s", error.reply)

    async def _trouble(self, name: str, reply: Reply, row: Held) -> None:
        by_probe = name in row.probes
        await self.pen.using(
            lambda: destinations.note_trouble(name, reply, timezone.now(), tried=row.id, by_probe=by_probe)
        )

    async def _recovered(self, row: Held) -> None:
        for name in row.probes:
            await self.pen.using(lambda name=name: destinations.note_recovery(name, timezone.now()))  # type: ignore[misc]

    async def _give_probes_back(self, row: Held) -> None:
        for name in row.probes:
            await self.pen.using(lambda name=name: destinations.give_probe_back(name, timezone.now()))  # type: ignore[misc]
