"""Rate limits on what unknown people can do (STANDARDS P7). Messages to one mailbox have a `budget`.

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

from .. import counters
from ..metrics.definitions import SIGN_UPS
from ..models import RateLimit

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limit:
    """`burst` uses at once, then one per `interval`."""

    name: str
    interval: timedelta
    burst: int = 1

    def key(self, value: str = "") -> str:
        return salted_hmac("incidents.subscriptions.limits", f"{self.name}:{value}", algorithm="sha256").hexdigest()


# Submissions of one copy of the form: a person corrects a typing error, a script continues.
STAMP = Limit("stamp", timedelta(hours=6), burst=5)
# Many people share one network address, and all of them may sign up during an outage: enough for a company of 250,
# the EU's limit of a medium-sized one, and for most of those behind the shared address of a mobile network.
NETWORK = Limit("network", timedelta(seconds=15), burst=250)
# Messages that all forms together cause; each mailbox has a budget of its own. Beyond it, requests wait. A visitor
# must not learn that it is reached: only addresses that get a message use it, which would tell them apart.
EVERYBODY = Limit("everybody", timedelta(seconds=1), burst=2000)
# All forms together: protects the table of requests; most requests of a flood cause no message.
REQUESTS = Limit("requests", timedelta(seconds=0.05), burst=20_000)
# What the holder of a link about this subscriber can do with it as a proof. See `proof`.
OWNER = Limit("owner", timedelta(minutes=30), burst=5)
# Manage links that such a holder can have sent to the mailbox: the link may have been forwarded.
OWNER_LINK = Limit("owner_link", timedelta(hours=24), burst=2)
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
# Log-ins with one name from one network: five at once, then one a minute, and from the tenth on one in six minutes; at
# most twenty in an hour. Somebody else who guesses a password elsewhere does not keep the account's owner out.
LOG_IN = (Limit("log_in", timedelta(minutes=1), burst=5), Limit("log_in_hour", timedelta(minutes=6), burst=10))
# One network that tries many names.
LOG_IN_NETWORK = Limit("log_in_network", timedelta(seconds=30), burst=100)
# Log-ins with single sign-on from one network: each makes requests to the provider and a session.
SINGLE_SIGN_ON = Limit("single_sign_on", timedelta(seconds=5), burst=100)
# Codes of a second factor, after the right password: as for log-ins, and from all networks together one in ten minutes
# once thirty were tried. Only those who know the password can keep the account's owner out.
SECOND_FACTOR = (
    Limit("second_factor", timedelta(minutes=1), burst=5),
    Limit("second_factor_hour", timedelta(minutes=6), burst=10),
)
SECOND_FACTOR_ACCOUNT = Limit("second_factor_account", timedelta(minutes=10), burst=30)
# Wrong tokens of the API. They cannot be guessed; a program with an old one slows down.
WRONG_TOKEN = Limit("wrong_token", timedelta(seconds=30), burst=20)
# Requests with one token. The original allows one a second.
API = Limit("api", timedelta(seconds=1), burst=100)
# Alerts from monitoring with one token, each of which costs little: a storm may send a thousand one by one.
ALERTS = Limit("alerts", timedelta(seconds=0.1), burst=2000)

_TAKE = """
INSERT INTO {table} AS held (key, free_at)
VALUES (%(key)s, %(now)s + %(interval)s::interval)
ON CONFLICT (key) DO UPDATE
   SET free_at = greatest(held.free_at, %(now)s) + %(interval)s::interval
 WHERE greatest(held.free_at, %(now)s) + %(interval)s::interval <= %(now)s + %(interval)s::interval * %(burst)s
RETURNING 1
"""


class LimitReached(Exception):
    """A limit that depends on no address is reached. `wait` is the time until the next use."""

    def __init__(self, limit: Limit, wait: timedelta) -> None:
        super().__init__(limit.name)
        self.limit = limit
        self.wait = wait


def take_request(*, network: str, stamp: str) -> None:
    """Take a place in every limit of the requester, or in none. Raises LimitReached.

    None of them depends on the requested address, and the statements are the same for
    every address.
    """
    wanted = [(limit, value) for limit, value in ((STAMP, stamp), (NETWORK, network)) if value]
    try:
        with transaction.atomic():
            # The shared limit comes last: its row is locked until the transaction ends.
            _take_all([*wanted, (REQUESTS, "")])
    except LimitReached as reached:
        record_refusal(reached.limit)
        counters.count(SIGN_UPS, "refused")
        raise


def take_message() -> None:
    """Take a place in the limit of messages to everybody. Raises LimitReached."""
    _take_all([(EVERYBODY, "")])


def take_as_owner(*, subscriber_id: str) -> None:
    """Take a place in the limit of what links about this subscriber can prove. Raises LimitReached."""
    _take_all([(OWNER, subscriber_id)])


def take_owner_link(*, mailbox: str) -> None:
    """Take a place in the limit of manage links by proof to one mailbox. Raises LimitReached."""
    _take_all([(OWNER_LINK, mailbox)])


def may_post_code(*, url: str, host: str) -> bool:
    try:
        with transaction.atomic():
            _take_all([(CODE, url), (CODE_HOST, host)])
    except LimitReached:
        return False
    return True


def may_try_code(opt_in: str) -> bool:
    return _take(CODE_TRY, opt_in)


def may_replay(subscriber: str) -> bool:
    return _take(REPLAY, subscriber)


def may_search(*, network: str) -> bool:
    return _take(SEARCH, network)


def may_try_password(user: object) -> bool:
    return _take(PASSWORD, str(user))


def may_begin_single_sign_on(*, network: str) -> bool:
    return _take(SINGLE_SIGN_ON, network)


def take_log_in(*, name: str, network: str) -> None:
    """Take a place in the limits of wrong passwords, before the password is checked. Raises LimitReached."""
    with transaction.atomic():
        _take_all([*((limit, f"{network} {name}") for limit in LOG_IN), (LOG_IN_NETWORK, network)])


def forgive_log_ins(*, name: str, network: str) -> None:
    """The password was right: earlier attempts with this name from there do not count any more."""
    keys = [limit.key(f"{network} {name}") for limit in LOG_IN]
    RateLimit.objects.filter(key__in=keys).delete()


def take_second_factor(*, account: str, network: str) -> None:
    """Take a place in the limits of wrong codes, before the code is checked. Raises LimitReached."""
    with transaction.atomic():
        _take_all([*((limit, f"{network} {account}") for limit in SECOND_FACTOR), (SECOND_FACTOR_ACCOUNT, account)])


def forgive_second_factor(*, account: str, network: str) -> None:
    """The code was right: earlier attempts for this account from there do not count any more."""
    keys = [limit.key(f"{network} {account}") for limit in SECOND_FACTOR]
    RateLimit.objects.filter(key__in=keys).delete()


def take_wrong_token(*, network: str) -> None:
    """Take a place in the limit of requests with a token that is not valid. Raises LimitReached."""
    _take_all([(WRONG_TOKEN, network)])


def take_api_request(*, token: str) -> None:
    """Take a place in the limit of requests with this token. Raises LimitReached."""
    _take_all([(API, token)])


def take_alerts(*, token: str) -> None:
    """Take a place in the limit of requests that bring alerts. Raises LimitReached."""
    _take_all([(ALERTS, token)])


def record_refusal(limit: Limit | None = None) -> None:
    """Count a refusal; alarm staff, at most once an hour, about a limit of many people or very many refusals."""
    reached = [limit] if limit else []
    reached += [] if _take(REFUSALS, "") else [REFUSALS]
    for name in [one.name for one in reached if one.name in _ALARMING]:
        if _take(ALARM, name):
            logger.error("Sign-ups: %s", _ALARMING[name])


def alarms(now: datetime) -> set[str]:
    """Return the names of the limits that raised an alarm in the last hour."""
    keys = {ALARM.key(name): name for name in _ALARMING}
    raised = RateLimit.objects.filter(key__in=keys, free_at__gt=now)
    return {keys[key] for key in raised.values_list("key", flat=True)}


def prune(now: datetime) -> int:
    """Delete rows that no longer limit anything; return how many."""
    return RateLimit.objects.filter(free_at__lt=now).delete()[0]


def _take_all(wanted: Iterable[tuple[Limit, str]]) -> None:
    for limit, value in wanted:
        if not _take(limit, value):
            raise LimitReached(limit, _wait(limit, value))


def _take(limit: Limit, value: str) -> bool:
    parameters: dict[str, str | int | datetime] = {
        "key": limit.key(value),
        "now": timezone.now(),
        "interval": f"{limit.interval.total_seconds()} seconds",
        "burst": limit.burst,
    }
    with connection.cursor() as cursor:
        cursor.execute(_TAKE.format(table=RateLimit._meta.db_table), parameters)
        return cursor.fetchone() is not None


def _wait(limit: Limit, value: str) -> timedelta:
    # The time until the bucket has a place again; zero if it has one.
    now = timezone.now()
    free_at = RateLimit.objects.filter(key=limit.key(value)).values_list("free_at", flat=True).first() or now
    return max(free_at + limit.interval - (now + limit.interval * limit.burst), timedelta(0))


_ALARMING = {
    NETWORK.name: "one network has used the forms very often; its visitors are asked to wait.",
    REQUESTS.name: "too many requests; new ones are refused for the moment.",
    EVERYBODY.name: "the limit of messages to all requesters is reached; confirmations are late.",
    REFUSALS.name: "very many requests are refused; a script may be signing up strangers. The limits hold.",
}
