"""What becomes of a letter, given what its channel said. Pure: the clock is an argument."""

from datetime import datetime, timedelta

from django.conf import settings

from ...models import DeliveryState, Subscriber
from ..channels.base import Busy, ChannelError, Lost, Reply, Scope
from . import backoff
from .writer import ClaimedDelivery, Outcome

# The relay failed in the middle of things, and the letter is not to blame: it goes again
# as soon as the relay does, unless it meets this again and again.
_SOON = timedelta(seconds=15)
_SOON_TIMES = 3
# A second loss says that the wire, or the letter, is the cause (STANDARDS Q10).
_RESENDS = 1


def taken(row: ClaimedDelivery, reply: Reply, now: datetime) -> Outcome:
    return Outcome(row, DeliveryState.SENT, reply.code, reply.text, now, sent_at=now)


def not_taken(row: ClaimedDelivery, error: ChannelError, now: datetime) -> Outcome:
    """The row's next state for each kind of error."""
    if isinstance(error, Lost):
        return _lost(row, error.reply, now)
    if isinstance(error, Busy) and not is_last(row, now):
        return _deferred(row, error, now)
    return _outcome(row, DeliveryState.FAILED, error.reply, now)


def is_last(row: ClaimedDelivery, now: datetime) -> bool:
    """Whether this try was the last one, should the letter be put off again."""
    used_up = row.channel != Subscriber.Channel.EMAIL and row.attempts >= len(backoff.POST_PAUSES)
    return used_up or backoff.is_over(row.created_at, now)


def _deferred(row: ClaimedDelivery, error: Busy, now: datetime) -> Outcome:
    attempts = row.attempts + 1
    if row.channel != Subscriber.Channel.EMAIL:
        pause = backoff.at_least(backoff.of_post(attempts), error.reply.retry_after)
        return _outcome(row, DeliveryState.DEFERRED, error.reply, now + pause)
    if error.scope is Scope.RELAY and attempts <= _SOON_TIMES:
        return _outcome(row, DeliveryState.QUEUED, error.reply, now + _SOON)
    return _outcome(row, DeliveryState.DEFERRED, error.reply, now + backoff.after_failures(attempts))


def _lost(row: ClaimedDelivery, reply: Reply, now: datetime) -> Outcome:
    if settings.RESEND_UNCERTAIN and row.times_uncertain < _RESENDS:
        return _outcome(row, DeliveryState.UNCERTAIN, reply, now + backoff.when_uncertain())
    return _outcome(row, DeliveryState.FAILED, reply, now)


def _outcome(row: ClaimedDelivery, state: DeliveryState, reply: Reply, next_attempt_at: datetime) -> Outcome:
    return Outcome(row, state, reply.code, reply.text, next_attempt_at)
