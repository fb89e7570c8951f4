"""The worker for webhook and chat posts: like the mail worker, but without a relay."""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from threading import Lock

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from ...models import Announcement, Attempt, ComponentUpdate, Delivery, DeliveryState, SigningSecret, Subscriber
from .. import outbox
from ..channels import webhook
from ..channels.base import ChannelError, Gone, Lost, Refused, Reply, unexpected
from ..ledger import claims, outcomes
from ..ledger.writer import ClaimedDelivery, Outcome
from ..messages import signatures
from ..messages.payloads import Payload
from ..messages.rendered_posts import payload_of
from ..suspension import suspend
from .concurrency import ConnectionLimit
from .connection import Sender, Shared, Transport
from .dispatcher import Dispatcher, Result
from .group_commit import GroupCommit
from .worker import Worker, announcement_of

BATCH = 100
# Each post may take half a minute. A server that does not answer keeps at most as many connections as its lane has.
CONNECTIONS = 100
CONNECTIONS_PER_LANE = 2
_HEADERS = {"Content-Type": "application/json", "User-Agent": "statuspage-webhook/1"}


class Withdrawn(Exception):
    """The worker was stopped before the request was sent."""


class WebhookTransport:
    """Each post uses its own connection, in a thread: the guard resolves and checks the address every time."""

    def __init__(self, commits: GroupCommit, payload_for: Callable[[ClaimedDelivery], Payload]) -> None:
        self.commits = commits
        self.payload_for = payload_for

        self._post: asyncio.Task[Reply] | None = None

    async def prepare(self) -> None:
        """Nothing to prepare."""

    def abort(self) -> None:
        if self._post is not None:
            self._post.cancel()

    def close(self) -> None:
        """Nothing to close."""

    async def send(self, row: ClaimedDelivery) -> Reply:
        started_at = time.monotonic()
        is_chat = row.channel != Subscriber.Channel.WEBHOOK
        try:
            body = self._body(row)
            headers = {**_HEADERS, **await self._signature_headers(row, body)}
            reply = await self._deliver(row.address, body, headers, is_chat)
        except ChannelError as error:
            await self._record_attempt(row, error.reply, started_at)
            raise
        await self._record_attempt(row, reply, started_at)
        return reply

    def _body(self, row: ClaimedDelivery) -> bytes:
        try:
            return self.payload_for(row).for_recipient(row)
        except Exception as error:
            raise unexpected(error) from error

    async def _deliver(self, url: str, body: bytes, headers: dict[str, str], is_chat: bool) -> Reply:
        # The thread cannot be interrupted: whichever of it and `abort` asks first decides whether the request is sent.
        may_decide = partial(Lock().acquire, blocking=False)
        post = partial(webhook.deliver, url, body, headers, is_chat=is_chat, may_send=may_decide)
        self._post = asyncio.create_task(asyncio.to_thread(_reply_of, post))
        try:
            return await self._post
        except asyncio.CancelledError:
            if may_decide():
                raise Withdrawn from None
            raise Lost(Reply(0, gettext_noop("The worker was stopped before the answer came."))) from None

    async def _signature_headers(self, row: ClaimedDelivery, body: bytes) -> dict[str, str]:
        # Return no headers for chats, nor for a webhook that its owner has not confirmed: neither has a secret.
        now = timezone.now()
        valid = SigningSecret.objects.filter(subscriber=row.subscriber_id).valid(now).values_list("value", flat=True)
        keys = await self.commits.run(lambda: list(valid))
        return signatures.headers(signatures.post_id(row.id), now, body, keys) if keys else {}

    async def _record_attempt(self, row: ClaimedDelivery, reply: Reply, started_at: float) -> None:
        attempt = Attempt(
            subscriber_id=row.subscriber_id,
            delivery_id=row.id,
            code=reply.code or None,
            said=reply.text[:300],
            milliseconds=int((time.monotonic() - started_at) * 1000),
        )
        await self.commits.run(lambda: _save_unless_erased(attempt))


def _reply_of(post: Callable[[], Reply]) -> Reply:
    # In the thread: a StopIteration could not leave it, and the task would wait for ever.
    try:
        return post()
    except ChannelError:
        raise
    except Exception as error:
        raise unexpected(error) from error


class WebhookSender(Sender):
    """Handles the errors of posts, which affect at most other posts to the same host."""

    async def _send(self, row: ClaimedDelivery) -> Outcome | None:
        try:
            return await super()._send(row)
        except Withdrawn:
            text = gettext_noop("The worker was stopped before the request was sent.")
            await self.commits.write(Outcome(row, DeliveryState.QUEUED, 0, text, timezone.now()), None)
            await self._return_probes(row)
            self.dispatcher.finish(row, Result.NOTHING)
            return None

    async def _handle_error(self, row: ClaimedDelivery, error: ChannelError) -> None:
        # A lost post is our own doing: the worker was stopped.
        is_last = not isinstance(error, Lost) and outcomes.is_last_attempt(row, timezone.now())
        if isinstance(error, Gone) or is_last:
            await self.commits.run(lambda: _suspend(row, error.reply, is_gone=isinstance(error, Gone)))
        await super()._handle_error(row, error)

    async def _handle_refusal(self, row: ClaimedDelivery, error: Refused) -> None:
        """Nothing more to do: `_handle_error` has suspended the webhook and notified its owner."""


class WebhookWorker(Worker[Payload]):
    """Sends all posts that are due, of all announcements."""

    def __init__(self) -> None:
        # There is no relay: each post has its own connection.
        relay = ConnectionLimit(CONNECTIONS)
        relay.record_reply()
        dispatcher = Dispatcher(lanes_of=_lanes_of, lane_width=CONNECTIONS_PER_LANE, tries_one_first=_has_own_host)
        super().__init__(BATCH, dispatcher, relay)

    async def claim(self) -> list[ClaimedDelivery]:
        if self.dispatcher.pending_without_held_back() >= self.low_water():
            return []
        holder, saturated = self.ledger.holder, self.dispatcher.saturated()
        rows = await self.commits.run(lambda: claims.claim_posts(holder, self.batch, timezone.now(), saturated))
        self.has_more = len(rows) >= self.batch
        return rows

    def render(self, row: ClaimedDelivery) -> Payload:
        return payload_of(row, _news_of(row))

    def create_transport(self) -> Transport:
        return WebhookTransport(self.commits, self.rendered_for)

    def create_sender(self, shared: Shared) -> Sender:
        return WebhookSender(shared, self.create_transport())


def _lanes_of(row: ClaimedDelivery) -> tuple[str, ...]:
    owner = f"owner {row.owner}"
    return (row.destination, owner) if _has_own_host(row) else (owner,)


def _has_own_host(row: ClaimedDelivery) -> bool:
    # All channels of a chat have their hosts in common: what one of them does must not delay the others.
    return row.channel == Subscriber.Channel.WEBHOOK


def _news_of(row: ClaimedDelivery) -> Announcement | ComponentUpdate | None:
    if row.component_update_id is None:
        return announcement_of(row)
    return ComponentUpdate.objects.select_related("component").get(pk=row.component_update_id)


@transaction.atomic
def _save_unless_erased(attempt: Attempt) -> None:
    subscriber = Subscriber.objects.filter(pk=attempt.subscriber_id).exclude(address="")
    if subscriber.select_for_update().first() is not None:
        attempt.save()


def _suspend(row: ClaimedDelivery, reply: Reply, *, is_gone: bool) -> None:
    # Suspend the webhook and notify its owner by email, unless it has accepted a post since this one was created.
    accepted_since = Attempt.objects.filter(
        subscriber=row.subscriber_id, at__gte=row.trying_since, code__range=(200, 299)
    )
    if not is_gone and accepted_since.exists():
        return
    if suspend(row.subscriber_id, str(reply)):
        outbox.create_message(Subscriber.objects.get(pk=row.subscriber_id), Delivery.Letter.WEBHOOK_SUSPENDED)
