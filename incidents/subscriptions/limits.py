"""How many letters, and how many searches, people we do not know may cause.

Kept in PostgreSQL, so that they hold without Valkey.
Each limit is a leaky bucket (GCRA): one row with the time at which the bucket
is empty again, moved by one conditional upsert, so that two processes cannot
both take the last place. Keys are keyed hashes: the table names nobody.
STANDARDS P7.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

from ..models import LetterLimit
from .addresses import mailbox

logger = logging.getLogger(__name__)

KEPT = timedelta(days=365)


@dataclass(frozen=True)
class Limit:
    """`burst` letters at once, then one per `interval`; never more than `most` until `reset_uses` is called."""

    name: str
    interval: timedelta
    burst: int = 1
    max_uses: int | None = None

    def key(self, value: str = "") -> str:
        return salted_hmac("incidents.subscriptions.limits", f"{self.name}:{value}", algorithm="sha256").hexdigest()


ADDRESS = Limit("address", timedelta(hours=24), max_uses=3)
# The same mailbox under other spellings (anna+a@, anna+b@).
MAILBOX = Limit("mailbox", timedelta(hours=8), burst=3)
MANAGE = Limit("manage", timedelta(hours=6), burst=2)
# One press on a form that was fetched once; a person corrects a typing error, a script goes on.
STAMP = Limit("stamp", timedelta(hours=6), burst=5)
# A whole office stands behind one address of the network, and all of it signs up on a bad day.
NETWORK = Limit("network", timedelta(minutes=2), burst=30)
EVERYBODY = Limit("everybody", timedelta(seconds=3), burst=1000)
# All forms together: protects the table of requests; most requests of a flood cause no letter.
REQUESTS = Limit("requests", timedelta(seconds=0.05), burst=20_000)
# Of one owner; each is another webhook, or the same again.
WEBHOOK = Limit("webhook", timedelta(hours=4), burst=5, max_uses=20)
# Codes to one address and to one host, so that nobody is flooded with them.
CODE = Limit("code", timedelta(minutes=15), burst=3)
CODE_HOST = Limit("code_host", timedelta(seconds=10), burst=60)
CODE_TRY = Limit("code_try", timedelta(hours=1), burst=10)
REPLAY = Limit("replay", timedelta(seconds=30), burst=10)
# Each search costs the database a moment; a whole office looks for the same incident at once.
SEARCH = Limit("search", timedelta(seconds=1), burst=60)
# Those that were refused. A busy day refuses a few; somebody who signs up strangers is refused all the time.
REFUSALS = Limit("refusals", timedelta(seconds=10), burst=200)
ALARM = Limit("alarm", timedelta(hours=1))
# Passwords that staff say again: a stolen session must not be a way to guess them.
PASSWORD = Limit("password", timedelta(minutes=2), burst=5)

_TAKE = """
INSERT INTO {table} AS held (key, free_at, uses, keep_until)
VALUES (%(key)s, %(now)s + %(interval)s::interval, 1, %(keep_until)s)
ON CONFLICT (key) DO UPDATE
   SET free_at = greatest(held.free_at, %(now)s) + %(interval)s::interval,
       uses = held.uses + 1,
       keep_until = excluded.keep_until
 WHERE greatest(held.free_at, %(now)s) + %(interval)s::interval <= %(now)s + %(interval)s::interval * %(burst)s
   AND (%(max_uses)s::int IS NULL OR held.uses < %(max_uses)s)
RETURNING 1
"""


class LimitReached(Exception):
    """A limit is reached."""

    def __init__(self, limit: Limit) -> None:
        super().__init__(limit.name)
        self.limit = limit


def may_request(*, network: str, stamp: str) -> bool:
    """Takes a place in every limit of the requester; none of them knows the address that is asked about."""
    return _take_all([*_requester_limits(network, stamp), (REQUESTS, "")])


def may_sign_up(*, address: str) -> bool:
    """Takes a place in every limit for one letter to `address`, or in none of them."""
    return _take_all([(ADDRESS, address.lower()), (MAILBOX, mailbox(address)), (EVERYBODY, "")])


def may_sign_up_webhook(*, owner: str) -> bool:
    return _take_all([(WEBHOOK, mailbox(owner)), (EVERYBODY, "")])


def may_send_manage_link(*, address: str) -> bool:
    return _take_all([(MANAGE, mailbox(address)), (EVERYBODY, "")])


def may_post_code(*, url: str, host: str) -> bool:
    return _take_all([(CODE, url), (CODE_HOST, host)])


def may_try_code(whose: str) -> bool:
    return _take(CODE_TRY, whose)


def may_replay(subscriber: str) -> bool:
    return _take(REPLAY, subscriber)


def may_search(*, network: str) -> bool:
    return not network or _take(SEARCH, network)


def may_try_password(user: object) -> bool:
    return _take(PASSWORD, str(user))


def reset_uses(*, address: str) -> None:
    """The owner of the address acted on a letter: the count towards `most` begins anew."""
    keys = [ADDRESS.key(address.lower()), WEBHOOK.key(mailbox(address))]
    LetterLimit.objects.filter(key__in=keys).update(uses=0)


def alarms(now: datetime) -> set[str]:
    """The names of the limits that staff were alarmed about in the last hour."""
    keys = {ALARM.key(name): name for name in _ALARMING}
    raised = LetterLimit.objects.filter(key__in=keys, free_at__gt=now)
    return {keys[key] for key in raised.values_list("key", flat=True)}


def prune(now: datetime) -> int:
    """Deletes what no longer limits anything; returns how many rows."""
    return LetterLimit.objects.filter(keep_until__lt=now).delete()[0]


def _requester_limits(network: str, stamp: str) -> Iterable[tuple[Limit, str]]:
    return [(limit, value) for limit, value in ((STAMP, stamp), (NETWORK, network)) if value]


def _take_all(wanted: Iterable[tuple[Limit, str]]) -> bool:
    # The limit that all share comes last: its row is locked until the transaction ends.
    try:
        with transaction.atomic():
            for limit, value in wanted:
                if not _take(limit, value):
                    raise LimitReached(limit)
    except LimitReached as refused:
        _record_refusal(refused.limit)
        return False
    return True


def _take(limit: Limit, value: str) -> bool:
    now = timezone.now()
    kept = KEPT if limit.max_uses else limit.interval * limit.burst
    with connection.cursor() as cursor:
        cursor.execute(
            _TAKE.format(table=LetterLimit._meta.db_table),
            {
                "key": limit.key(value),
                "now": now,
                "interval": f"{limit.interval.total_seconds()} seconds",
                "burst": limit.burst,
                "max_uses": limit.max_uses,
                "keep_until": now + kept,
            },
        )
        return cursor.fetchone() is not None


def _record_refusal(limit: Limit) -> None:
    """One refusal more. Staff hear once an hour that the limit for all is reached, or that refusals are very many."""
    reached = [one for one in (limit, *([] if _take(REFUSALS, "") else [REFUSALS])) if one.name in _ALARMING]
    for one in reached:
        if _take(ALARM, one.name):
            logger.error("Sign-ups: %s", _ALARMING[one.name])


_ALARMING = {
    REQUESTS.name: "so many come in that no further ones are taken for the moment.",
    EVERYBODY.name: "the limit for all together is reached, so no letters go out to new subscribers.",
    REFUSALS.name: "very many are refused; somebody may be signing up strangers. The limits hold.",
}
