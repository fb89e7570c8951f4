"""How long to wait before the next try, and when to stop trying (STANDARDS Q4, Q5, Q10)."""

import random
from datetime import datetime, timedelta

# A day of “server busy” is at most fourteen tries, even if chance makes every pause short.
PAUSES = [timedelta(minutes=minutes) for minutes in (5, 15, 30, 60, 120, 180)]
# Of a webhook, as Standard Webhooks proposes: ten tries in a little more than three days.
POST_PAUSES = [
    timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
]  # fmt: skip
LONGEST_WISH = timedelta(days=1)  # the longest Retry-After that is heeded
JITTER = 0.2
RETRY_FOR = timedelta(days=5)
# A letter that may have arrived is sent again while a receiver still recognises its Message-ID.
UNCERTAIN = timedelta(minutes=20), timedelta(minutes=40)


def after_failures(failures: int) -> timedelta:
    """The pause of a mail after the first, second, … failure in a row."""
    return _jittered(PAUSES, failures)


def of_post(failures: int) -> timedelta:
    return _jittered(POST_PAUSES, failures)


def at_least(pause: timedelta, wish: timedelta) -> timedelta:
    """A pause that is as long as the server asked for, unless it asked for more than a day."""
    return max(pause, min(wish, LONGEST_WISH))


def _jittered(steps: list[timedelta], failures: int) -> timedelta:
    pause = steps[min(max(failures, 1), len(steps)) - 1]
    return pause * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - spreads load, guards nothing


def when_uncertain() -> timedelta:
    least, most = UNCERTAIN
    return least + (most - least) * random.random()  # noqa: S311


def is_over(since: datetime, now: datetime) -> bool:
    """Whether something has been tried for long enough."""
    return now - since > RETRY_FOR
