"""The outcome of an attempt, from the reply or error of its channel. Pure functions: the time is an argument."""

from datetime import datetime, timedelta

from django.conf import settings

from ...models import DeliveryState, Subscriber
from ..channels.base import Busy, ChannelError, Lost, Reply, Scope
from . import backoff
from .writer import ClaimedDelivery, Outcome

# If the relay fails during a transaction, the message is not the cause: it is requeued
# soon, unless this happens to it repeatedly.
_REQUEUE_DELAYS = {
    Scope.RELAY: timedelta(seconds=15),
    Scope.SENDER: timedelta(seconds=15),
}
# A relay that takes messages more slowly has not seen this one. Another connection, or the same one later, sends it.
_TOO_MANY_DELAYS = timedelta(seconds=2), timedelta(minutes=1)
_MAX_REQUEUES = 3
# A second lost connection means that the network, or the message, is the cause (STANDARDS Q10).
_MAX_RESENDS = 1


def accepted(row: ClaimedDelivery, reply: Reply, now: datetime) -> Outcome:
    return Outcome(row, DeliveryState.SENT, reply.code, reply.text, now, sent_at=now)


def not_accepted(row: ClaimedDelivery, error: ChannelError, now: datetime) -> Outcome:
    """Return the outcome for each kind of error."""
    if isinstance(error, Lost):
        return _lost(row, error.reply, now)
    if isinstance(error, Busy) and not is_last_attempt(row, now):
        return _deferred(row, error, now)
    return _outcome(row, DeliveryState.FAILED, error.reply, now)


def is_last_attempt(row: ClaimedDelivery, now: datetime) -> bool:
    """Whether a deferral of this attempt would be final."""
    used_up = row.channel != Subscriber.Channel.EMAIL and row.attempts >= len(backoff.POST_DELAYS)
    return used_up or backoff.is_exhausted(row.trying_since, now)


def _deferred(row: ClaimedDelivery, error: Busy, now: datetime) -> Outcome:
    attempts = row.attempts + 1
    if row.channel != Subscriber.Channel.EMAIL:
        delay = backoff.at_least(backoff.post_delay(attempts), error.reply.retry_after)
        return _outcome(row, DeliveryState.DEFERRED, error.reply, now + delay)
    if error.scope is Scope.CONNECTIONS:
        shortest, longest = _TOO_MANY_DELAYS
        delay = min(shortest * 2 ** min(row.attempts, 10), longest)
        return _outcome(row, DeliveryState.QUEUED, error.reply, now + delay)
    if error.scope in _REQUEUE_DELAYS and attempts <= _MAX_REQUEUES:
        return _outcome(row, DeliveryState.QUEUED, error.reply, now + _REQUEUE_DELAYS[error.scope])
    return _outcome(row, DeliveryState.DEFERRED, error.reply, now + backoff.email_delay(attempts))


def _lost(row: ClaimedDelivery, reply: Reply, now: datetime) -> Outcome:
    if settings.RESEND_UNCERTAIN and row.times_uncertain < _MAX_RESENDS:
        return _outcome(row, DeliveryState.UNCERTAIN, reply, now + backoff.uncertain_delay())
    return _outcome(row, DeliveryState.FAILED, reply, now)


def _outcome(row: ClaimedDelivery, state: DeliveryState, reply: Reply, next_attempt_at: datetime) -> Outcome:
    return Outcome(row, state, reply.code, reply.text, next_attempt_at)
