"""How long to wait before the next attempt, and when to give up (STANDARDS Q4, Q5, Q10)."""

import random
from datetime import datetime, timedelta

# A day of “server busy” means at most fourteen attempts, even if jitter shortens every delay.
EMAIL_DELAYS = [timedelta(minutes=minutes) for minutes in (5, 15, 30, 60, 120, 180)]
# As Standard Webhooks proposes: ten attempts in a little more than three days.
POST_DELAYS = [
    timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
]  # fmt: skip
MAX_RETRY_AFTER = timedelta(days=1)  # longer Retry-After values are cut to this
JITTER = 0.2
RETRY_FOR = timedelta(days=5)
# A message that may have arrived is resent while receivers still recognise its Message-ID as a duplicate.
UNCERTAIN_DELAY = timedelta(minutes=20), timedelta(minutes=40)


def email_delay(failures: int) -> timedelta:
    """Return the delay after the first, second, … failure in a row."""
    return _with_jitter(EMAIL_DELAYS, failures)


def post_delay(failures: int) -> timedelta:
    return _with_jitter(POST_DELAYS, failures)


def at_least(delay: timedelta, retry_after: timedelta) -> timedelta:
    """Return a delay that respects the server's `retry_after`, up to one day."""
    return max(delay, min(retry_after, MAX_RETRY_AFTER))


def _with_jitter(steps: list[timedelta], failures: int) -> timedelta:
    delay = steps[min(max(failures, 1), len(steps)) - 1]
    return delay * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - spreads load, guards nothing


def uncertain_delay() -> timedelta:
    shortest, longest = UNCERTAIN_DELAY
    return shortest + (longest - shortest) * random.random()  # noqa: S311


def is_exhausted(since: datetime, now: datetime) -> bool:
    """Whether attempts since then have lasted long enough to give up."""
    return now - since > RETRY_FOR
