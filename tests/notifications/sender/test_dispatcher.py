import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from incidents.notifications.ledger.writer import ClaimedDelivery
from incidents.notifications.sender.dispatcher import Dispatcher, Result

NOW = datetime(2023, 10, 9, tzinfo=UTC)


def row(number: int, destination: str) -> ClaimedDelivery:
    return ClaimedDelivery(
        number, NOW, destination, "update", "da", 1, 0, 0, NOW, f"<{number}@x>", NOW, "s", f"r{number}@{destination}", 1
    )


def taken(dispatcher: Dispatcher) -> list[ClaimedDelivery]:
    rows = []
    while (found := dispatcher.take()) is not None:
        rows.append(found)
    return rows


def test_a_destination_gets_one_letter_until_it_answers() -> None:
    dispatcher = Dispatcher()
    dispatcher.offer([row(1, "a.dk"), row(2, "a.dk"), row(3, "b.dk"), row(4, "a.dk")])
    first = taken(dispatcher)
    assert [held.id for held in first] == [1, 3]
    assert not dispatcher.settle(first[0], Result.ANSWERS)
    assert [held.id for held in taken(dispatcher)] == [2, 4]


def test_a_destination_that_puts_off_the_first_letter_is_down_and_its_letters_are_dropped() -> None:
    dispatcher = Dispatcher()
    dispatcher.offer([row(1, "a.dk"), row(2, "a.dk")])
    (first,) = taken(dispatcher)
    assert dispatcher.settle(first, Result.PUTS_OFF)
    assert taken(dispatcher) == []
    assert dispatcher.left == 0


def test_a_destination_that_answered_may_fail_twice_and_not_three_times() -> None:
    dispatcher = Dispatcher()
    dispatcher.offer([row(1, "a.dk")])
    dispatcher.settle(taken(dispatcher)[0], Result.ANSWERS)
    dispatcher.offer([row(number, "a.dk") for number in range(2, 5)])
    assert [dispatcher.settle(held, Result.PUTS_OFF) for held in taken(dispatcher)] == [False, False, True]


def test_a_letter_that_showed_nothing_lets_the_next_one_try() -> None:
    dispatcher = Dispatcher()
    dispatcher.offer([row(1, "a.dk"), row(2, "a.dk")])
    dispatcher.settle(taken(dispatcher)[0], Result.NOTHING)
    assert [held.id for held in taken(dispatcher)] == [2]


def test_a_closed_desk_hands_out_nothing_and_returns_what_is_left() -> None:
    dispatcher = Dispatcher()
    dispatcher.offer([row(1, "a.dk"), row(2, "a.dk"), row(3, "b.dk")])
    (first, _second) = taken(dispatcher)
    assert first.id == 1
    assert [held.id for held in dispatcher.close()] == [2]
    assert asyncio.run(dispatcher.next()) is None


def test_a_slow_destination_gets_a_letter_at_a_time_and_holds_nobody_up() -> None:
    asyncio.run(_take_turns())


async def _take_turns() -> None:
    """The loop's clock is ours: `turns` has what it was asked to do later."""
    turns: list[tuple[float, Callable[[], None]]] = []
    loop = asyncio.get_running_loop()
    loop.call_later = lambda seconds, do, *given: turns.append((seconds, partial(do, *given)))  # type: ignore[assignment]
    dispatcher = Dispatcher(rate=0.5)
    dispatcher.offer([*(row(number, "slow.dk") for number in range(1, 40)), row(40, "b.dk"), row(41, "c.dk")])
    first, *others = taken(dispatcher)
    assert [held.id for held in (first, *others)] == [1, 40, 41]
    assert (dispatcher.left, dispatcher.at_hand) == (41, 3)
    assert dispatcher.provided() == ["slow.dk"]
    for held in (first, *others):
        dispatcher.settle(held, Result.ANSWERS)
    assert taken(dispatcher) == []
    assert {seconds for seconds, _do in turns} == {2.0}
    for _seconds, do in turns[:3]:
        do()
    assert [held.id for held in taken(dispatcher)] == [2]
    assert [held.id for held in dispatcher.close()] == [*range(3, 40)]
