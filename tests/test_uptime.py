"""Uptime: expected values are counted by hand."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.claims import Change
from incidents.status import ComponentStatus
from incidents.uptime import StatusPeriod, days, midnight, status_periods, uptime

OPERATIONAL, MAINTENANCE, DEGRADED, PARTIAL, MAJOR = ComponentStatus
COPENHAGEN = ZoneInfo("Europe/Copenhagen")
START = datetime(2023, 10, 1, tzinfo=UTC)


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def test_component_without_changes_was_operational_all_the_time() -> None:
    assert status_periods([], START, at(24)) == [StatusPeriod(START, at(24), OPERATIONAL)]
    assert uptime(status_periods([], START, at(24))) == 1


@pytest.mark.parametrize(
    ("status", "share"), [(DEGRADED, 1), (MAINTENANCE, 1), (PARTIAL, 0.75), (MAJOR, 0.75), (OPERATIONAL, 1)]
)
def test_only_partial_and_major_outages_count_as_down(status: ComponentStatus, share: float) -> None:
    record = [Change(at(2), status), Change(at(8), OPERATIONAL)]
    assert uptime(status_periods(record, START, at(24))) == share


def test_last_status_before_the_start_is_the_first_status() -> None:
    record = [Change(at(-50), DEGRADED), Change(at(-5), MAJOR), Change(at(6), OPERATIONAL)]
    assert status_periods(record, START, at(24))[0] == StatusPeriod(START, at(6), MAJOR)
    assert uptime(status_periods(record, START, at(24))) == 0.75


def test_future_change_does_not_count() -> None:
    assert uptime(status_periods([Change(at(30), MAJOR)], START, at(24))) == 1


def test_uptime_of_no_time_is_none() -> None:
    assert uptime(status_periods([], START, START)) is None


def test_last_of_several_changes_at_one_moment_counts() -> None:
    record = [Change(at(1), MAJOR), Change(at(1), DEGRADED)]
    assert [period.status for period in status_periods(record, START, at(2))] == [OPERATIONAL, DEGRADED]


def test_uptime_of_part_of_the_time() -> None:
    record = [Change(at(2), MAJOR), Change(at(4), OPERATIONAL)]
    assert uptime(status_periods(record, START, at(24)), at(0), at(4)) == 0.5
    assert uptime(status_periods(record, START, at(24)), at(4), at(24)) == 1
    assert uptime(status_periods(record, START, at(24)), at(48), at(72)) is None


def test_short_outage_decides_the_state_of_its_day_only() -> None:
    noon = datetime(2023, 10, 10, 12, tzinfo=COPENHAGEN)
    record = [Change(noon, MAJOR, ("k3j9",)), Change(noon + timedelta(minutes=1), OPERATIONAL)]
    periods = status_periods(record, START, noon + timedelta(days=3))
    found = days(periods, date(2023, 10, 9), date(2023, 10, 11), COPENHAGEN)
    assert [day.worst for day in found] == [OPERATIONAL, MAJOR, OPERATIONAL]
    assert found[1].in_worst == timedelta(minutes=1)
    assert found[1].causes == ["k3j9"]


def test_outage_over_midnight_belongs_to_both_days_of_the_pages_zone() -> None:
    # 23.30 to 00.30 in Copenhagen; in UTC both ends are the same day.
    record = [
        Change(datetime(2023, 10, 9, 21, 30, tzinfo=UTC), MAJOR),
        Change(datetime(2023, 10, 9, 22, 30, tzinfo=UTC), OPERATIONAL),
    ]
    found = days(status_periods(record, START, at(24 * 30)), date(2023, 10, 8), date(2023, 10, 11), COPENHAGEN)
    assert [day.worst for day in found] == [OPERATIONAL, MAJOR, MAJOR, OPERATIONAL]
    assert [day.in_worst for day in found[1:3]] == [timedelta(minutes=30)] * 2


def test_outage_that_ends_at_midnight_does_not_affect_the_next_day() -> None:
    record = [
        Change(midnight(date(2023, 10, 9), COPENHAGEN), MAJOR),
        Change(midnight(date(2023, 10, 10), COPENHAGEN), OPERATIONAL),
    ]
    found = days(status_periods(record, START, at(24 * 30)), date(2023, 10, 8), date(2023, 10, 10), COPENHAGEN)
    assert [day.worst for day in found] == [OPERATIONAL, MAJOR, OPERATIONAL]


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 10, 26), 24)]
)
def test_length_of_a_day_depends_on_summer_time(day: date, hours: int) -> None:
    whole = status_periods([], datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    (found,) = days(whole, day, day, COPENHAGEN)
    assert found.in_worst == timedelta(hours=hours)


def test_repeated_hour_counts_twice() -> None:
    # Summer time ends at 03.00: from 02.00 CEST to 03.00 CET are two hours.
    first = datetime(2026, 10, 25, 2, 0, tzinfo=COPENHAGEN, fold=0)
    record = [Change(first, MAJOR), Change(datetime(2026, 10, 25, 3, 0, tzinfo=COPENHAGEN), OPERATIONAL)]
    (found,) = days(
        status_periods(record, datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)),
        date(2026, 10, 25),
        date(2026, 10, 25),
        COPENHAGEN,
    )
    assert found.in_worst == timedelta(hours=2)


def test_days_before_the_service_began_have_no_state() -> None:
    found = days(
        status_periods([], midnight(date(2023, 10, 10), COPENHAGEN), at(24 * 12)),
        date(2023, 10, 9),
        date(2023, 10, 10),
        COPENHAGEN,
    )
    assert [day.worst for day in found] == [None, OPERATIONAL]


def test_state_of_this_moment_is_the_state_of_today() -> None:
    now = datetime(2023, 10, 10, 12, tzinfo=COPENHAGEN)
    (today,) = days(status_periods([Change(now, MAJOR)], START, now), now.date(), now.date(), COPENHAGEN)
    assert today.worst == MAJOR


@given(st.lists(st.tuples(st.integers(-48, 24 * 60), st.sampled_from(list(ComponentStatus))), max_size=20))
def test_days_add_up_to_the_whole_time_with_the_same_uptime(record: list[tuple[int, ComponentStatus]]) -> None:
    now = at(24 * 50)
    changes = [Change(at(hours), status) for hours, status in sorted(record, key=lambda entry: entry[0])]
    whole = status_periods(changes, START, now)
    split = [period for day in days(whole, START.date(), now.date(), COPENHAGEN) for period in day.periods]
    assert sum((period.length for period in split), timedelta()) == now - START
    assert uptime(split) == pytest.approx(uptime(whole))
