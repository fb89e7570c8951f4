"""Rate limits on the messages and searches that unknown people can cause (STANDARDS P7).

They are stored in PostgreSQL, so that they hold without Valkey. Each limit is a leaky
bucket (GCRA): one row with the time at which the bucket is empty again, moved by one
conditional upsert, so that two processes cannot both take the last place. Keys are
keyed hashes: the table identifies nobody.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

from ..identity import canonical
from ..models import LetterLimit
from .addresses import mailbox

logger = logging.getLogger(__name__)

KEPT = timedelta(days=365)


@dataclass(frozen=True)
class Limit:
    """`burst` uses at once, then one per `interval`; at most `max_uses` in total until `reset_uses` is called."""

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
# Submissions of one copy of the form: a person corrects a typing error, a script continues.
STAMP = Limit("stamp", timedelta(hours=6), burst=5)
# A whole office shares one network address, and all of it may sign up during an outage.
NETWORK = Limit("network", timedelta(minutes=2), burst=30)
EVERYBODY = Limit("everybody", timedelta(seconds=3), burst=1000)
# All forms together: protects the table of requests; most requests of a flood cause no message.
REQUESTS = Limit("requests", timedelta(seconds=0.05), burst=20_000)
# Webhooks of one owner, new ones and repeated sign-ups alike.
WEBHOOK = Limit("webhook", timedelta(hours=4), burst=5, max_uses=20)
# Codes to one URL and to one host, so that no receiver is flooded.
CODE = Limit("code", timedelta(minutes=15), burst=3)
CODE_HOST = Limit("code_host", timedelta(seconds=10), burst=60)
CODE_TRY = Limit("code_try", timedelta(hours=1), burst=10)
REPLAY = Limit("replay", timedelta(seconds=30), burst=10)
# Each search costs database time; a whole office may look for the same incident at once.
SEARCH = Limit("search", timedelta(seconds=1), burst=60)
# Refused requests. A busy day causes a few; a script that signs up strangers causes many.
REFUSALS = Limit("refusals", timedelta(seconds=10), burst=200)
ALARM = Limit("alarm", timedelta(hours=1))
# Staff re-entering their password: a stolen session must not allow guessing it.
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
    def __init__(self, limit: Limit) -> None:
        super().__init__(limit.name)
        self.limit = limit


def may_request(*, network: str, stamp: str) -> bool:
    """Take a place in every limit of the requester; none of them depends on the requested address."""
    return _take_all([*_requester_limits(network, stamp), (REQUESTS, "")])


def may_sign_up(*, address: str) -> bool:
    """Take a place in every limit for one message to `address`, or in none."""
    return _take_all([(ADDRESS, canonical(address)), (MAILBOX, mailbox(address)), (EVERYBODY, "")])


def may_sign_up_webhook(*, owner: str) -> bool:
    return _take_all([(WEBHOOK, mailbox(owner)), (EVERYBODY, "")])


def may_send_manage_link(*, address: str) -> bool:
    return _take_all([(MANAGE, mailbox(address)), (EVERYBODY, "")])


def may_post_code(*, url: str, host: str) -> bool:
    return _take_all([(CODE, url), (CODE_HOST, host)])


def may_try_code(opt_in: str) -> bool:
    return _take(CODE_TRY, opt_in)


def may_replay(subscriber: str) -> bool:
    return _take(REPLAY, subscriber)


def may_search(*, network: str) -> bool:
    return _take(SEARCH, network)


def may_try_password(user: object) -> bool:
    return _take(PASSWORD, str(user))


def reset_uses(*, address: str) -> None:
    """Restart the count towards `max_uses`, because the owner of the address acted on a message."""
    keys = [ADDRESS.key(canonical(address)), WEBHOOK.key(mailbox(address))]
    LetterLimit.objects.filter(key__in=keys).update(uses=0)


def alarms(now: datetime) -> set[str]:
    """Return the names of the limits that raised an alarm in the last hour."""
    keys = {ALARM.key(name): name for name in _ALARMING}
    raised = LetterLimit.objects.filter(key__in=keys, free_at__gt=now)
    return {keys[key] for key in raised.values_list("key", flat=True)}


def prune(now: datetime) -> int:
    """Delete rows that no longer limit anything; return how many."""
    return LetterLimit.objects.filter(keep_until__lt=now).delete()[0]


def _requester_limits(network: str, stamp: str) -> Iterable[tuple[Limit, str]]:
    return [(limit, value) for limit, value in ((STAMP, stamp), (NETWORK, network)) if value]


def _take_all(wanted: Iterable[tuple[Limit, str]]) -> bool:
    # The shared limit comes last: its row is locked until the transaction ends.
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
    # Count a refusal; alarm staff, at most once an hour, about a shared limit or very many refusals.
    reached = [one for one in (limit, *([] if _take(REFUSALS, "") else [REFUSALS])) if one.name in _ALARMING]
    for one in reached:
        if _take(ALARM, one.name):
            logger.error("Sign-ups: %s", _ALARMING[one.name])


_ALARMING = {
    REQUESTS.name: "too many requests; new ones are refused for the moment.",
    EVERYBODY.name: "the limit for all requesters is reached; no messages are sent to new subscribers.",
    REFUSALS.name: "very many requests are refused; a script may be signing up strangers. The limits hold.",
}
