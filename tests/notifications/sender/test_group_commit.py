"""Entries of several connections are written together; the ledger is a stand-in that keeps what it is given."""

import asyncio
from collections.abc import Sequence
from typing import cast

import pytest

from incidents.notifications.ledger.writer import ClaimedDelivery, Ledger, Outcome
from incidents.notifications.sender import group_commit
from incidents.notifications.sender.group_commit import GroupCommit


class KeptBatches:
    """Keeps the ids of the rows of each batch, and allows all of them."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    def use_connection(self) -> None:
        pass

    def write(self, _outcomes: Sequence[Outcome], starting: Sequence[ClaimedDelivery]) -> set[int]:
        self.batches.append([row.id for row in starting])
        return {row.id for row in starting}


class Row:
    def __init__(self, number: int) -> None:
        self.id = number


def commits_for(ledger: KeptBatches, connections: int) -> GroupCommit:
    return GroupCommit(cast(Ledger, ledger), lambda: connections)


async def hand_in(commits: GroupCommit, number: int) -> bool:
    for _ in range(number * 10):  # a later connection comes some turns of the event loop later
        await asyncio.sleep(0)
    return await commits.write(None, cast(ClaimedDelivery, Row(number)))


async def written(commits: GroupCommit, numbers: Sequence[int]) -> list[bool]:
    try:
        return await asyncio.gather(*(hand_in(commits, number) for number in numbers))
    finally:
        commits.close()


def run(connections: int, numbers: Sequence[int], patience: float, monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    ledger = KeptBatches()

    async def work() -> list[bool]:
        return await written(commits_for(ledger, connections), numbers)

    monkeypatch.setattr(GroupCommit, "_patience", lambda *_: patience)
    assert asyncio.run(work()) == [True] * len(numbers)
    return ledger.batches


def test_batch_waits_for_all_open_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(3, [1, 2, 3], 3600, monkeypatch) == [[1, 2, 3]]


def test_batch_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other connections are waiting for a reply, or for the rate limit."""
    assert run(20, [1], 0, monkeypatch) == [[1]]


def test_connections_that_are_ready_at_the_same_time_share_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(1, [0, 0, 0], 0, monkeypatch) == [[0, 0, 0]]


@pytest.mark.parametrize(
    ("idle", "last_write", "patience"),
    [
        (0.001, 0.002, 0.002),
        (0.003, 0.002, 0),  # the connections wait for the relay, not for the ledger
        (0.001, 1200.0, group_commit._MAX_WAIT),  # PostgreSQL was down
    ],
)
def test_ledger_that_is_not_the_bottleneck_waits_for_nobody(idle: float, last_write: float, patience: float) -> None:
    async def found() -> float:
        commits = commits_for(KeptBatches(), 20)
        commits._last_end, commits._last_write = 100.0, last_write
        commits.close()
        return commits._patience(100.0 + idle)

    assert asyncio.run(found()) == patience
