import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from incidents.notifications.ledger.writer import ClaimedDelivery
from incidents.notifications.sender.dispatcher import Dispatcher, Result

NOW = datetime(2023, 10, 9, tzinfo=UTC)


def make_row(number: int, destination: str) -> ClaimedDelivery:
    return ClaimedDelivery(
        number, NOW, destination, "update", "da", 1, 0, 0, NOW, f"<{number}@x>", NOW, "s", f"r{number}@{destination}", 1
    )


def take_all(dispatcher: Dispatcher) -> list[ClaimedDelivery]:
    rows = []
    while (found := dispatcher.get_nowait()) is not None:
        rows.append(found)
    return rows


def test_new_destination_gets_one_message_until_its_reply() -> None:
    dispatcher = Dispatcher()
    dispatcher.add([make_row(1, "a.dk"), make_row(2, "a.dk"), make_row(3, "b.dk"), make_row(4, "a.dk")])
    first = take_all(dispatcher)
    assert [row.id for row in first] == [1, 3]
    assert not dispatcher.finish(first[0], Result.WORKING)
    assert [row.id for row in take_all(dispatcher)] == [2, 4]


def test_destination_that_defers_its_first_message_is_failing_and_its_rows_are_dropped() -> None:
    dispatcher = Dispatcher()
    dispatcher.add([make_row(1, "a.dk"), make_row(2, "a.dk")])
    (first,) = take_all(dispatcher)
    assert dispatcher.finish(first, Result.DEFERRING)
    assert take_all(dispatcher) == []
    assert dispatcher.pending == 0


def test_working_destination_is_failing_after_three_deferrals() -> None:
    dispatcher = Dispatcher()
    dispatcher.add([make_row(1, "a.dk")])
    dispatcher.finish(take_all(dispatcher)[0], Result.WORKING)
    dispatcher.add([make_row(number, "a.dk") for number in range(2, 5)])
    assert [dispatcher.finish(row, Result.DEFERRING) for row in take_all(dispatcher)] == [False, False, True]


def test_after_an_unknown_result_the_next_message_is_sent() -> None:
    dispatcher = Dispatcher()
    dispatcher.add([make_row(1, "a.dk"), make_row(2, "a.dk")])
    dispatcher.finish(take_all(dispatcher)[0], Result.NOTHING)
    assert [row.id for row in take_all(dispatcher)] == [2]


def test_closed_dispatcher_returns_the_rows_that_were_not_taken() -> None:
    dispatcher = Dispatcher()
    dispatcher.add([make_row(1, "a.dk"), make_row(2, "a.dk"), make_row(3, "b.dk")])
    (first, _second) = take_all(dispatcher)
    assert first.id == 1
    dispatcher.close()
    assert [row.id for row in dispatcher.drain()] == [2]
    assert asyncio.run(dispatcher.get()) is None


def test_rate_limited_destination_does_not_delay_others() -> None:
    asyncio.run(_check_rate_limit())


async def _check_rate_limit() -> None:
    """Instead of the event loop, `turns` collects the calls that were scheduled."""
    turns: list[tuple[float, Callable[[], None]]] = []
    loop = asyncio.get_running_loop()
    loop.call_later = lambda seconds, do, *given: turns.append((seconds, partial(do, *given)))  # type: ignore[assignment]
    dispatcher = Dispatcher(rate=0.5)
    dispatcher.add(
        [*(make_row(number, "slow.dk") for number in range(1, 40)), make_row(40, "b.dk"), make_row(41, "c.dk")]
    )
    first, *others = take_all(dispatcher)
    assert [row.id for row in (first, *others)] == [1, 40, 41]
    assert (dispatcher.pending, dispatcher.pending_without_held_back()) == (41, 3)
    assert dispatcher.saturated() == ["slow.dk"]
    for row in (first, *others):
        dispatcher.finish(row, Result.WORKING)
    assert take_all(dispatcher) == []
    assert {seconds for seconds, _do in turns} == {2.0}
    for _seconds, do in turns[:3]:
        do()
    assert [row.id for row in take_all(dispatcher)] == [2]
    assert [row.id for row in dispatcher.drain()] == [*range(3, 40)]


def in_lanes(row: ClaimedDelivery) -> tuple[str, ...]:
    return (row.destination, row.owner)


def make_post(number: int, host: str, owner: str) -> ClaimedDelivery:
    row = make_row(number, host)
    row.owner = owner
    return row


def never(_row: ClaimedDelivery) -> bool:
    return False


def test_lane_has_at_most_two_rows_at_a_time_and_delays_no_other() -> None:
    dispatcher = Dispatcher(lanes_of=in_lanes, lane_width=2, tries_one_first=never)
    same_host = [make_post(number, "a.dk", f"owner{number}") for number in range(1, 5)]
    same_owner = [make_post(number, f"host{number}.dk", "ejer") for number in range(5, 9)]
    dispatcher.add([*same_host, *same_owner, make_post(9, "b.dk", "owner9")])
    taken = take_all(dispatcher)
    assert [row.id for row in taken] == [1, 2, 5, 6, 9]
    assert dispatcher.pending_without_held_back() == 5
    dispatcher.finish(taken[0], Result.NOTHING)
    dispatcher.finish(taken[3], Result.WORKING)
    assert sorted(row.id for row in take_all(dispatcher)) == [3, 7]


def test_lane_whose_connections_are_in_use_gets_no_more_rows_than_a_buffer() -> None:
    dispatcher = Dispatcher(lanes_of=in_lanes, lane_width=2, tries_one_first=never)
    dispatcher.add([make_post(number, "a.dk", f"owner{number}") for number in range(30)])
    take_all(dispatcher)
    assert dispatcher.saturated() == ["a.dk"]


def test_row_that_was_put_back_is_the_next_one() -> None:
    dispatcher = Dispatcher()
    dispatcher.add([make_row(1, "a.dk"), make_row(2, "a.dk")])
    (first,) = take_all(dispatcher)
    dispatcher.put_back(first)
    assert [row.id for row in take_all(dispatcher)] == [1]
    assert dispatcher.pending == 2


def test_doubtful_replies_count_by_mailbox_and_end_with_an_accepted_message() -> None:
    dispatcher = Dispatcher()
    dispatcher.add([make_row(1, "a.dk")] * 5)
    assert not any(dispatcher.finish(row, Result.DOUBTFUL) for _ in range(5) for row in take_all(dispatcher))
    dispatcher.add([make_row(number, "a.dk") for number in (2, 3, 4)])
    assert not any(dispatcher.finish(row, Result.DOUBTFUL) for _ in range(3) for row in take_all(dispatcher))
    dispatcher.add([make_row(number, "a.dk") for number in (5, 6)])
    assert [dispatcher.finish(row, Result.DOUBTFUL) for row in take_all(dispatcher)] == [True]
