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
from ..ledger.writer import ClaimedDelivery
from ..messages import signatures
from ..messages.payloads import Payload, render
from ..suspension import suspend
from .connection import RelayHealth, Sender
from .dispatcher import Result
from .group_commit import GroupCommit
from .worker import Worker, announcement_of

BATCH = 100
CONNECTIONS = 20  # at once; each may take half a minute
_HEADERS = {"Content-Type": "application/json", "User-Agent": "statuspage-webhook/1"}


class WebhookTransport:
    """Every post has a connection of its own, in a thread of its own: the guard looks at each address anew."""

    def __init__(self, commits: GroupCommit, letter: Callable[[ClaimedDelivery], Payload]) -> None:
        self.commits = commits
        self.letter = letter

    async def prepare(self) -> None:
        """There is nothing to prepare."""

    def close(self) -> None:
        """There is nothing to close."""

    async def send(self, row: ClaimedDelivery) -> Reply:
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

    async def _signed(self, row: ClaimedDelivery, body: bytes) -> dict[str, str]:
        """A chat does not look at signatures; a webhook has none before its owner has shown that it is theirs."""
        now = timezone.now()
        valid = SigningSecret.objects.filter(subscriber=row.subscriber_id).valid(now).values_list("value", flat=True)
        keys = await self.commits.run(lambda: list(valid))
        return signatures.headers(f"msg_{row.id}", now, body, keys) if keys else {}

    async def _note(self, row: ClaimedDelivery, reply: Reply, began: float) -> None:
        attempt = Attempt(
            subscriber_id=row.subscriber_id,
            delivery_id=row.id,
            code=reply.code or None,
            said=reply.text[:300],
            milliseconds=int((time.monotonic() - began) * 1000),
        )
        await self.commits.run(attempt.save)


class WebhookSender(Sender):
    """What follows from a post that was not taken: nothing for others, but for those to the same host."""

    async def _follow(self, row: ClaimedDelivery, error: ChannelError) -> None:
        if isinstance(error, Gone) or outcomes.is_last_attempt(row, timezone.now()):
            await self.commits.run(lambda: _suspend(row, error.reply, is_gone=isinstance(error, Gone)))
        await super()._follow(row, error)

    async def _refused(self, row: ClaimedDelivery, error: Refused) -> None:
        """It is done already, and the owner is told."""

    async def _destination_defers(self, row: ClaimedDelivery, reply: Reply) -> None:
        if self.dispatcher.settle(row, Result.PUTS_OFF) or row.destination in row.probes:
            await self._trouble(row.destination, reply, row)


class WebhookWorker(Worker[Payload]):
    """All posts that are due, of whichever announcement."""

    def __init__(self) -> None:
        super().__init__(BATCH, CONNECTIONS)
        self.relay = RelayHealth(answers=True)

    async def claim(self) -> list[ClaimedDelivery]:
        if self.dispatcher.left >= self.low_water():
            return []
        rows = await self.commits.run(lambda: claims.claim_posts(self.batch, timezone.now()))
        self.has_more = len(rows) >= self.batch
        return rows

    def render(self, row: ClaimedDelivery) -> Payload:
        return render(row.channel, row.letter, row.language, announcement_of(row), row.time_zone)

    def sender(self) -> Sender:
        return WebhookSender(
            self.commits, self.dispatcher, self.relay, WebhookTransport(self.commits, self.letter), self.rate_limiter
        )


def _suspend(row: ClaimedDelivery, reply: Reply, *, is_gone: bool) -> None:
    """Suspend the webhook and tell its owner by mail, unless it has accepted something since this was created."""
    taken_since = Attempt.objects.filter(subscriber=row.subscriber_id, at__gte=row.created_at, code__range=(200, 299))
    if not is_gone and taken_since.exists():
        return
    if suspend(row.subscriber_id, str(reply)):
        outbox.write_message(Subscriber.objects.get(pk=row.subscriber_id), Delivery.Letter.WEBHOOK_SUSPENDED)
