"""The work of one connection: take a row, record that it is in flight, send it, act on the reply."""

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

# Failures in a row after which a relay that has accepted messages counts as failing.
_MAX_RELAY_FAILURES = 5
# If so many destinations defer messages and none accepts any, the replies are the relay's own.
_MAX_DEFERRING_DESTINATIONS = 5


@dataclass
class RelayHealth:
    """What the connections of a worker have learned about the relay."""

    has_accepted: bool = False
    _failures: int = 0
    _deferring: set[str] = field(default_factory=set)

    def record_acceptance(self) -> None:
        self.has_accepted, self._failures = True, 0
        self._deferring.clear()

    def record_failure(self) -> bool:
        """Return whether the relay counts as failing now."""
        self._failures += 1
        return not self.has_accepted or self._failures >= _MAX_RELAY_FAILURES

    def record_deferral(self, destination: str) -> bool:
        """Return whether the relay counts as failing now."""
        self._deferring.add(destination)
        return len(self._deferring) >= _MAX_DEFERRING_DESTINATIONS


class Transport(Protocol):
    """How a sender sends. `prepare` may raise Busy, `send` any ChannelError."""

    async def prepare(self) -> None: ...

    def send(self, row: ClaimedDelivery) -> Awaitable[Reply]: ...

    def close(self) -> None: ...


class SmtpTransport:
    """Sends emails over a connection to the mail relay; `email_for` returns the bytes for a row."""

    def __init__(self, email_for: Callable[[ClaimedDelivery], bytes]) -> None:
        self.email_for = email_for
        self.channel = EmailChannel()
        self.prepare = self.channel.prepare
        self.close = self.channel.close

    def send(self, row: ClaimedDelivery) -> Awaitable[Reply]:
        return self.channel.deliver(envelope_sender(row.id), row.address, self._content(row))

    def _content(self, row: ClaimedDelivery) -> bytes:
        try:
            return self.email_for(row)
        except ValueError as error:
            raise Refused(Reply(0, f"The message cannot be built: {error}")) from error


class Sender:
    """A task with a connection of its own, which runs until the dispatcher is closed or the relay fails."""

    def __init__(
        self,
        commits: GroupCommit,
        dispatcher: Dispatcher,
        relay: RelayHealth,
        transport: Transport,
        rate_limiter: RateLimiter,
    ) -> None:
        self.commits = commits
        self.dispatcher = dispatcher
        self.relay = relay
        self.transport = transport
        self.rate_limiter = rate_limiter
        self.unrecorded: Outcome | None = None

    async def run(self) -> None:
        """Send until there is nothing left. An unexpected error ends the whole worker, not only this task."""
        try:
            while (row := await self._next_row()) is not None and await self._prepare(row):
                self.unrecorded = await self._send(row)
        except BaseException:
            self.dispatcher.close()
            raise
        finally:
            self.transport.close()

    async def _next_row(self) -> ClaimedDelivery | None:
        # An outcome is recorded together with the start of the next row, or at once if there is none.
        row = self.dispatcher.get_nowait()
        if row is None:
            await self._record_outcome()
            row = await self.dispatcher.get()
        return row

    async def _record_outcome(self) -> None:
        if self.unrecorded is not None:
            await self.commits.write(self.unrecorded, None)
            self.unrecorded = None

    async def _prepare(self, row: ClaimedDelivery) -> bool:
        # Open the connection. If that fails, the row stays as it is and this task ends.
        try:
            await self.transport.prepare()
        except Busy as error:
            await self._record_outcome()
            self.dispatcher.finish(row, Result.UNKNOWN)
            if not await self._handle_relay_failure(row, error.reply):
                self.dispatcher.add([row])
            return False
        return True

    async def _send(self, row: ClaimedDelivery) -> Outcome | None:
        # Return an outcome that can be recorded with the next row; one with consequences is recorded first.
        await self.rate_limiter.wait()
        outcome, self.unrecorded = self.unrecorded, None
        if not await self.commits.write(outcome, row):
            self.dispatcher.finish(row, Result.UNKNOWN)
            await self._return_probes(row)
            return None
        try:
            reply = await self.transport.send(row)
        except ChannelError as error:
            await self.commits.write(outcomes.not_accepted(row, error, timezone.now()), None)
            await self._handle_error(row, error)
            return None
        return await self._handle_acceptance(row, outcomes.accepted(row, reply, timezone.now()))

    async def _handle_acceptance(self, row: ClaimedDelivery, outcome: Outcome) -> Outcome | None:
        self.relay.record_acceptance()
        if row.probes:
            await self.commits.write(outcome, None)
            await self._record_recovery(row)
        self.dispatcher.finish(row, Result.WORKING)
        return None if row.probes else outcome

    # -- consequences of errors --------------------------------------------------------------

    async def _handle_error(self, row: ClaimedDelivery, error: ChannelError) -> None:
        if isinstance(error, Lost) or error.scope in {Scope.RELAY, Scope.SENDER, Scope.CONNECTIONS}:
            self.dispatcher.finish(row, Result.UNKNOWN)
            await self._handle_relay_failure(row, error.reply)
        elif error.scope in {Scope.DESTINATION, Scope.UNKNOWN}:
            await self._handle_deferral(row, error.reply)
        else:
            if isinstance(error, Refused):
                await self._handle_refusal(row, error)
            await self._record_recovery(row)
            self.dispatcher.finish(row, Result.WORKING)

    async def _handle_relay_failure(self, row: ClaimedDelivery, reply: Reply) -> bool:
        # Return whether the relay counts as failing now; the dispatcher is closed then.
        is_failing = self.relay.record_failure()
        if is_failing or row.probes:
            logger.warning("The mail relay %s does not accept messages: %s", relay_name(), reply)
            self.dispatcher.close()
            for name in {relay_name(), *row.probes}:
                await self._record_failure(name, reply, row)
        return is_failing

    async def _handle_deferral(self, row: ClaimedDelivery, reply: Reply) -> None:
        relay = relay_name()
        if self.dispatcher.finish(row, Result.DEFERRING) or row.destination in row.probes:
            await self._record_failure(row.destination, reply, row)
        same = relay in row.probes and await self.commits.run(lambda: destinations.is_same_failure(relay, reply))
        if same or self.relay.record_deferral(row.destination):
            self.dispatcher.close()
            await self._record_failure(relay, reply, row)
        elif relay in row.probes:
            await self.commits.run(lambda: destinations.record_recovery(relay, timezone.now()))

    async def _handle_refusal(self, row: ClaimedDelivery, error: Refused) -> None:
        if error.address_is_gone:
            await self.commits.run(lambda: suspend(row.subscriber_id, str(error.reply)))
        elif error.is_policy:
            logger.error("The mail server rejects messages by policy; check how mail is sent: %s", error.reply)

    async def _record_failure(self, name: str, reply: Reply, row: ClaimedDelivery) -> None:
        by_probe = name in row.probes
        await self.commits.run(
            lambda: destinations.record_failure(name, reply, timezone.now(), attempted=row, by_probe=by_probe)
        )

    async def _record_recovery(self, row: ClaimedDelivery) -> None:
        for name in row.probes:
            await self.commits.run(lambda name=name: destinations.record_recovery(name, timezone.now()))  # type: ignore[misc]

    async def _return_probes(self, row: ClaimedDelivery) -> None:
        for name in row.probes:
            await self.commits.run(lambda name=name: destinations.return_probe(name, timezone.now()))  # type: ignore[misc]
