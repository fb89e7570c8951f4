"""Works off what goes over HTTP: the mail worker's ledger, desk and pauses, without a relay in between."""

import asyncio
import time
from collections.abc import Callable

from django.utils import timezone

from ...models import Attempt, Delivery, SigningSecret, Subscriber
from .. import outbox
from ..channels import webhook
from ..channels.base import ChannelError, Gone, Refused, Reply
from ..ledger import claims, outcomes
from ..ledger.writer import Held
from ..messages import signatures
from ..messages.payloads import Post, render
from ..suspension import suspend
from .connection import Carrier, RelayHealth
from .dispatcher import Result
from .group_commit import Pen
from .worker import Worker, announcement_of

BATCH = 100
CONNECTIONS = 20  # at once; each may take half a minute
_HEADERS = {"Content-Type": "application/json", "User-Agent": "statuspage-webhook/1"}


class PostWire:
    """Every post has a connection of its own, in a thread of its own: the guard looks at each address anew."""

    def __init__(self, pen: Pen, letter: Callable[[Held], Post]) -> None:
        self.pen = pen
        self.letter = letter

    async def prepare(self) -> None:
        """There is nothing to prepare."""

    def close(self) -> None:
        """There is nothing to close."""

    async def send(self, row: Held) -> Reply:
        body, began = self.letter(row).to(row), time.monotonic()
        headers = {**_HEADERS, **await self._signed(row, body)}
        is_chat = row.channel != Subscriber.Channel.WEBHOOK
        try:
            reply = await asyncio.to_thread(webhook.deliver, row.address, body, headers, is_chat=is_chat)
        except ChannelError as error:
            await self._note(row, error.reply, began)
            raise
        await self._note(row, reply, began)
        return reply

    async def _signed(self, row: Held, body: bytes) -> dict[str, str]:
        """A chat does not look at signatures; a webhook has none before its owner has shown that it is theirs."""
        now = timezone.now()
        valid = SigningSecret.objects.filter(subscriber=row.subscriber_id).valid(now).values_list("value", flat=True)
        keys = await self.pen.using(lambda: list(valid))
        return signatures.headers(f"msg_{row.id}", now, body, keys) if keys else {}

    async def _note(self, row: Held, reply: Reply, began: float) -> None:
        attempt = Attempt(
            subscriber_id=row.subscriber_id,
            delivery_id=row.id,
            code=reply.code or None,
            said=reply.text[:300],
            milliseconds=int((time.monotonic() - began) * 1000),
        )
        await self.pen.using(attempt.save)


class PostCarrier(Carrier):
    """What follows from a post that was not taken: nothing for others, but for those to the same host."""

    async def _follow(self, row: Held, error: ChannelError) -> None:
        if isinstance(error, Gone) or outcomes.is_last(row, timezone.now()):
            await self.pen.using(lambda: _suspend(row, error.reply, is_gone=isinstance(error, Gone)))
        await super()._follow(row, error)

    async def _refused(self, row: Held, error: Refused) -> None:
        """It is done already, and the owner is told."""

    async def _destination_puts_off(self, row: Held, reply: Reply) -> None:
        if self.desk.settle(row, Result.PUTS_OFF) or row.destination in row.probes:
            await self._trouble(row.destination, reply, row)


class PostWorker(Worker[Post]):
    """All posts that are due, of whichever announcement."""

    def __init__(self) -> None:
        super().__init__(BATCH, CONNECTIONS)
        self.relay = RelayHealth(answers=True)

    async def claim(self) -> list[Held]:
        if self.desk.left >= self.low_water():
            return []
        rows = await self.pen.using(lambda: claims.claim_posts(self.batch, timezone.now()))
        self.has_more = len(rows) >= self.batch
        return rows

    def render(self, row: Held) -> Post:
        return render(row.channel, row.letter, row.language, announcement_of(row), row.time_zone)

    def carrier(self) -> Carrier:
        return PostCarrier(self.pen, self.desk, self.relay, PostWire(self.pen, self.letter), self.pace)


def _suspend(row: Held, reply: Reply, *, is_gone: bool) -> None:
    """Suspend the webhook and tell its owner by mail, unless it has accepted something since this was created."""
    taken_since = Attempt.objects.filter(subscriber=row.subscriber_id, at__gte=row.created_at, code__range=(200, 299))
    if not is_gone and taken_since.exists():
        return
    if suspend(row.subscriber_id, str(reply)):
        outbox.write_message(Subscriber.objects.get(pk=row.subscriber_id), Delivery.Letter.WEBHOOK_SUSPENDED)
