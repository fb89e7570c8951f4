"""How long a sign-up takes tells a stranger nothing about the address (STANDARDS P5).

Samples of every kind are taken by turns, so that whatever else the machine does meets all
of them alike, and what is measured is the processor's time, which others disturb least;
how often the database is asked is counted. Two kinds can be told apart if one is mostly
slower: then a sample of it is the slower one of a pair more often than half the time (the
common language effect size).
"""

import time
from collections.abc import Callable
from itertools import count

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from incidents.subscriptions import limits, rows, service
from incidents.subscriptions.limits import Limit
from incidents.subscriptions.rows import Choices
from tests.factories import make_page, make_subscriber

ROUNDS, WARM = 40, 5
# Of forty samples each, identical kinds stay within 0.5 ± 0.27 in all but one of thirty thousand runs.
TELLING = 0.77
_number = count()


def subscribed(address: str) -> None:
    make_subscriber(address)


def suspended(address: str) -> None:
    make_subscriber(address, state="suspended")


def left(address: str) -> None:
    make_subscriber(address, state="unsubscribed")


def unknown(_address: str) -> None:
    pass


KINDS = [unknown, subscribed, suspended, left]


def slower(one: list[float], other: list[float]) -> float:
    """The share of pairs in which `one` took longer."""
    return sum(a > b for a in one for b in other) / (len(one) * len(other))


@pytest.fixture
def _generous(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    make_page()
    monkeypatch.setattr(limits, "EVERYBODY", Limit("everybody", limits.EVERYBODY.interval, burst=10_000))


def sign_up(kind: Callable[[str], None]) -> float:
    """Seconds that the verb works; the page around it is the same for all."""
    address = f"somebody{next(_number):06}@example.dk"
    kind(address)
    begun = time.thread_time()
    service.sign_up(address=address, choices=Choices("da"))
    return time.thread_time() - begun


def told_apart(kinds: list[Callable[[str], None]]) -> set[str]:
    """The names of the kinds whose times differ from those of an unknown address."""
    took: dict[str, list[float]] = {kind.__name__: [] for kind in kinds}
    for turn in range(ROUNDS + WARM):
        for kind in kinds[turn % len(kinds) :] + kinds[: turn % len(kinds)]:
            seconds = sign_up(kind)
            if turn >= WARM:
                took[kind.__name__].append(seconds)
    shares = {name: slower(samples, took["unknown"]) for name, samples in took.items()}
    return {name for name, share in shares.items() if not 1 - TELLING < share < TELLING}


@pytest.mark.usefixtures("_generous")
def test_sign_up_takes_as_long_whatever_is_known() -> None:
    assert told_apart(KINDS) == set()


@pytest.mark.usefixtures("_generous")
def test_less_work_for_those_who_are_known_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the test above is worth: without the work that evens out the answers it fails."""
    monkeypatch.setattr(rows, "linger", lambda _subscriber: None)
    assert told_apart([unknown, subscribed]) == {"subscribed"}


@pytest.mark.usefixtures("_generous")
def test_sign_up_asks_the_database_as_often_whatever_is_known() -> None:
    asked = {}
    for kind in KINDS:
        with CaptureQueriesContext(connection) as captured:
            sign_up(unknown)
        expected = len(captured)
        address = f"somebody{next(_number):06}@example.dk"
        kind(address)
        with CaptureQueriesContext(connection) as captured:
            service.sign_up(address=address, choices=Choices("da"))
        asked[kind.__name__] = len(captured) - expected
    assert asked == dict.fromkeys(asked, 0)
