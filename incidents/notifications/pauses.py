"""How long to wait before the next try, and when to stop trying (STANDARDS Q4, Q5, Q10)."""

import random
from datetime import datetime, timedelta

# A day of “server busy” is at most fourteen tries, even if chance makes every pause short.
PAUSES = [timedelta(minutes=minutes) for minutes in (5, 15, 30, 60, 120, 180)]
JITTER = 0.2
RETRY_FOR = timedelta(days=5)
# A letter that may have arrived is sent again while a receiver still recognises its Message-ID.
UNCERTAIN = timedelta(minutes=20), timedelta(minutes=40)


def after_failures(failures: int) -> timedelta:
    """The pause after the first, second, … failure in a row."""
    pause = PAUSES[min(max(failures, 1), len(PAUSES)) - 1]
    return pause * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - spreads load, guards nothing


def when_uncertain() -> timedelta:
    least, most = UNCERTAIN
    return least + (most - least) * random.random()  # noqa: S311


def is_over(since: datetime, now: datetime) -> bool:
    """Whether something has been tried for long enough."""
    return now - since > RETRY_FOR
