"""The work of one connection: take a row, record that it is in flight, send it, act on the reply."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from django.utils import timezone

from ...models import Delivery
from ..addressing import relay_name
from ..channels.base import Busy, ChannelError, Lost, Refused, Reply, Scope, unexpected
from ..channels.email import EmailChannel, envelope_sender
from ..channels.smtp import Pipelining
from ..ledger import destinations, outcomes
from ..ledger.writer import ClaimedDelivery, Outcome
from ..suspension import suspend
from . import stopping
from .concurrency import ConnectionLimit
from .dispatcher import Dispatcher, Result
from .group_commit import GroupCommit
from .rate_limit import RateLimiter

logger = logging.getLogger(__name__)


class Transport(Protocol):
    """How a sender sends. `prepare` may raise Busy, `send` any ChannelError, also after `abort`."""

    async def prepare(self) -> None: ...

    def send(self, row: ClaimedDelivery) -> Awaitable[Reply]: ...

    def abort(self) -> None: ...

    def close(self) -> None: ...


class SmtpTransport:
    """Sends emails over a connection to the mail relay; `email_for` returns the bytes for a row."""

    def __init__(self, email_for: Callable[[ClaimedDelivery], bytes], pipelining: Pipelining) -> None:
        self.email_for = email_for
        self.channel = EmailChannel(pipelining)
        self.prepare = self.channel.prepare
        self.abort = self.channel.abort
        self.close = self.channel.close

    async def send(self, row: ClaimedDelivery) -> Reply:
        try:
            return await self.channel.deliver(envelope_sender(row.id), row.address, self._content(row))
        except ChannelError:
            raise
        except Exception as error:
            # Nothing is known of the state of the connection, so it is not used again.
            self.channel.connection.abort()
            self.channel.close()
            raise unexpected(error) from error

    def _content(self, row: ClaimedDelivery) -> bytes:
        try:
            return self.email_for(row)
        except ValueError as error:
            raise Refused(Reply(0, f"The message cannot be built: {error}")) from error


@dataclass
class Shared:
    """What all senders of a worker share. `relay` is its knowledge about the server that they connect to."""

    holder: int
    commits: GroupCommit
    dispatcher: Dispatcher
    relay: ConnectionLimit
    rate_limiter: RateLimiter


class Sender:
    """A task with a connection of its own, which runs until the dispatcher is closed or its connection is refused."""

    def __init__(self, shared: Shared, transport: Transport) -> None:
        self.holder = shared.holder
        self.commits = shared.commits
        self.dispatcher = shared.dispatcher
        self.relay = shared.relay
        self.rate_limiter = shared.rate_limiter
        self.transport = transport
        self.unrecorded: Outcome | None = None
        self.is_open = False
        self._is_preparing = False
        self.task = asyncio.create_task(self._run())
        self.relay.running += 1

    def abort(self) -> None:
        """End it now: a row that is not in flight is put back, and one in flight ends as if the connection was lost."""
        if not self.cancel_before_start():
            self.transport.abort()

    def cancel_before_start(self) -> bool:
        """End it if it waits for its connection or for the rate limit. Return False if it does not."""
        if not self._is_preparing:
            return False
        self._is_preparing = False  # cancelled again, it could not record its last outcome
        self.task.cancel()
        self.transport.abort()
        return True

    async def _run(self) -> None:
        # Send until there is nothing left. An unexpected error ends the whole worker, not only this task.
        try:
            while not self.relay.has_too_many and (row := await self._next_row()) is not None:
                if not await self._prepare(row):
                    break
                self.unrecorded = await self._send(row)
            await self._record_outcome()
        except BaseException:
            self.dispatcher.close()
            raise
        finally:
            self.transport.close()
            self._set_open(False)
            self.relay.running -= 1

    def _set_open(self, is_open: bool) -> None:
        self.relay.open += is_open - self.is_open
        self.is_open = is_open

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
        # If the connection is refused, or the worker stopped, the row is put back and this task ends.
        try:
            await self._wait_until_ready()
        except Busy as error:
            self._set_open(False)
            await self._record_outcome()
            self.dispatcher.put_back(row)
            await self._handle_refused_connection(row, error.reply)
            return False
        except asyncio.CancelledError:
            await self._record_outcome()
            self.dispatcher.put_back(row)
            raise
        return True

    async def _wait_until_ready(self) -> None:
        # The only time at which the task can be cancelled: nothing is in flight, or being written.
        self._is_preparing = True
        try:
            await self.transport.prepare()
            self._set_open(True)
            if self.relay.pause:
                await asyncio.sleep(self.relay.pause)
            await self.rate_limiter.wait()
        finally:
            self._is_preparing = False

    async def _send(self, row: ClaimedDelivery) -> Outcome | None:
        # Return an outcome that can be recorded with the next row; one with consequences is recorded first.
        outcome, self.unrecorded = self.unrecorded, None
        if stopping.is_requested():
            self.dispatcher.close()
            self.dispatcher.put_back(row)
            return outcome
        if not await self.commits.write(outcome, row):
            self.dispatcher.finish(row, Result.NOTHING)
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
            await self._record_recovery(row.probes)
        self.dispatcher.finish(row, Result.WORKING)
        return None if row.probes else outcome

    # -- consequences of errors --------------------------------------------------------------

    async def _handle_error(self, row: ClaimedDelivery, error: ChannelError) -> None:
        if isinstance(error, Lost) or error.scope in {Scope.RELAY, Scope.SENDER}:
            self.dispatcher.finish(row, Result.NOTHING)
            await self._handle_relay_failure(row, error.reply)
        elif error.scope is Scope.CONNECTIONS:
            self.relay.record_too_many()
            await self._return_probes(row)
            self.dispatcher.finish(row, Result.NOTHING)
        else:
            self.relay.record_reply()
            await self._handle_reply(row, error)

    async def _handle_reply(self, row: ClaimedDelivery, error: ChannelError) -> None:
        # A reply behind the relay: about the destination, or about this message or mailbox alone.
        if isinstance(error, Refused):
            await self._handle_refusal(row, error)
            await self._record_recovery(row.probes)
            self.dispatcher.finish(row, Result.WORKING)
        elif error.scope in {Scope.DESTINATION, Scope.UNKNOWN}:
            await self._handle_deferral(row, error)
            await self._record_recovery(name for name in row.probes if name != row.destination)
        else:
            await self._record_recovery(row.probes)
            self.dispatcher.finish(row, Result.NOTHING)

    async def _handle_refused_connection(self, row: ClaimedDelivery, reply: Reply) -> None:
        # The other connections go on. Without any, the relay is failing, unless other workers have those that it takes.
        # A message that is to probe a domain is put back, and another connection sends it.
        is_last = self.relay.record_refused_connection()
        if relay_name() in row.probes or (is_last and not await self.commits.run(self._are_others_sending)):
            await self._close_relay(row, reply)
        elif is_last:
            self.dispatcher.close()

    def _are_others_sending(self) -> bool:
        # Between two messages too: a worker with claims keeps its connections open.
        claimed = Delivery.objects.filter(holder__isnull=False).by_mail()
        return claimed.exclude(holder=self.holder).exists()

    async def _handle_relay_failure(self, row: ClaimedDelivery, reply: Reply) -> None:
        # If the dispatcher is closed, its connections may have been ended by the worker itself.
        if self.dispatcher.is_closed:
            await self._return_probes(row)
        elif self.relay.record_failure(is_refusal=bool(reply.code)) or relay_name() in row.probes:
            await self._close_relay(row, reply)
        else:
            # Whatever the cause, it happened with this message: its domain waits, and another is the next probe.
            for name in row.probes:
                await self._record_failure(name, reply, row)

    async def _close_relay(self, row: ClaimedDelivery, reply: Reply) -> None:
        logger.warning("The mail relay %s does not accept messages: %s", relay_name(), reply)
        self.relay.is_failing = True
        self.dispatcher.close()
        await self._record_failure(relay_name(), reply, row)
        await self._return_probes(row)

    async def _handle_deferral(self, row: ClaimedDelivery, error: ChannelError) -> None:
        result = Result.DEFERRING if error.scope is Scope.DESTINATION else Result.DOUBTFUL
        if self.dispatcher.finish(row, result) or row.destination in row.probes:
            await self._record_failure(row.destination, error.reply, row)

    async def _handle_refusal(self, row: ClaimedDelivery, error: Refused) -> None:
        if error.address_is_gone:
            await self.commits.run(lambda: suspend(row.subscriber_id, str(error.reply)))
        elif error.is_policy:
            logger.error("The mail server rejects messages by policy; check how mail is sent: %s", error.reply)

    async def _record_failure(self, name: str, reply: Reply, row: ClaimedDelivery) -> None:
        by_probe = name in row.probes
        record = partial(destinations.record_failure, name, reply, timezone.now(), attempted=row, by_probe=by_probe)
        if await self.commits.run(record):
            await self._move_waiting(name)

    async def _record_recovery(self, probes: Iterable[str]) -> None:
        for name in probes:
            if await self.commits.run(partial(destinations.record_recovery, name, timezone.now())):
                await self._move_waiting(name)

    async def _move_waiting(self, name: str) -> None:
        # In batches, between which the other connections write their outcomes. The scheduler does what a job leaves.
        after: int | None = 0
        while after is not None and not (after and self.dispatcher.is_closed):
            after = await self.commits.run(partial(destinations.move_waiting, name, timezone.now(), after))

    async def _return_probes(self, row: ClaimedDelivery) -> None:
        if row.probes:
            await self.commits.run(partial(destinations.return_probes, self.holder, row.probes))
