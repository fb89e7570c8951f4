"""Rules of maintenance that repeats: their days, their times when the clocks change, and their words."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Any

import pytest
from django.utils import translation

from incidents.recurrence import LAST, RepeatRule, in_words, number_in_month

HOURS = timedelta(hours=2)
SUNDAY = 6


def rule(first_day: date, start: time = time(2, 30), **fields: Any) -> RepeatRule:
    return RepeatRule(first_day=first_day, start=start, duration=HOURS, zone="Europe/Copenhagen", **fields)


def first(number: int, repeated: RepeatRule) -> list[date]:
    return list(islice(repeated.days(), number))


def test_weekly_rule_has_its_weekdays() -> None:
    found = first(4, rule(date(2027, 1, 6), weekdays=(2, 4)))
    assert found == [date(2027, 1, 6), date(2027, 1, 8), date(2027, 1, 13), date(2027, 1, 15)]


def test_every_six_weeks() -> None:
    found = first(3, rule(date(2027, 1, 3), weekdays=(SUNDAY,), every=6))
    assert found == [date(2027, 1, 3), date(2027, 2, 14), date(2027, 3, 28)]


def test_last_weekday_of_each_month_with_a_leap_day() -> None:
    found = first(3, rule(date(2032, 1, 25), weekdays=(SUNDAY,), nth=LAST))
    assert found == [date(2032, 1, 25), date(2032, 2, 29), date(2032, 3, 28)]


def test_month_without_the_day_is_left_out() -> None:
    found = first(4, rule(date(2027, 1, 31), monthday=31))
    assert found == [date(2027, 1, 31), date(2027, 3, 31), date(2027, 5, 31), date(2027, 7, 31)]


def test_it_ends_on_its_last_day_and_leaves_days_out() -> None:
    repeated = rule(
        date(2027, 1, 3), weekdays=(SUNDAY,), until=date(2027, 1, 24), excluded=frozenset([date(2027, 1, 17)])
    )
    assert list(repeated.days()) == [date(2027, 1, 3), date(2027, 1, 10), date(2027, 1, 24)]
    assert repeated.next_day(after=date(2027, 1, 10)) == date(2027, 1, 24)
    assert repeated.next_day(after=date(2027, 1, 24)) is None


def test_time_that_the_clocks_skip_is_an_hour_later() -> None:
    occurrence = rule(date(2027, 3, 28)).occurrence(date(2027, 3, 28))
    assert occurrence.is_skipped_time
    assert (occurrence.start, occurrence.end) == (
        datetime(2027, 3, 28, 1, 30, tzinfo=UTC),  # 03:30 CEST
        datetime(2027, 3, 28, 3, 30, tzinfo=UTC),
    )


def test_of_a_time_that_comes_twice_the_first_counts() -> None:
    occurrence = rule(date(2027, 10, 31)).occurrence(date(2027, 10, 31))
    assert occurrence.is_repeated_time
    assert not occurrence.is_skipped_time
    assert occurrence.start == datetime(2027, 10, 31, 0, 30, tzinfo=UTC)  # 02:30 CEST
    assert occurrence.end - occurrence.start == HOURS


def test_ordinary_time_is_neither_skipped_nor_repeated() -> None:
    occurrence = rule(date(2027, 6, 6)).occurrence(date(2027, 6, 6))
    assert not occurrence.is_skipped_time
    assert not occurrence.is_repeated_time


RULES = [
    (
        rule(date(2027, 1, 3), weekdays=(SUNDAY,)),
        "FREQ=WEEKLY;INTERVAL=1;BYDAY=SU",
        "Every week on Sunday",
        "Hver uge: søndag",
    ),
    (
        rule(date(2027, 1, 5), weekdays=(1, 3), every=2, until=date(2027, 12, 31)),
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,TH;UNTIL=20271231T235959",
        "Every 2 weeks on Tuesday and Thursday, until 31 December 2027",
        "Hver 2. uge: tirsdag og torsdag, til og med 31. december 2027",
    ),
    (
        rule(date(2027, 1, 31), weekdays=(SUNDAY,), nth=LAST),
        "FREQ=MONTHLY;INTERVAL=1;BYDAY=-1SU",
        "Every month on the last Sunday",
        "Hver måned den sidste søndag",
    ),
    (
        rule(date(2027, 1, 12), weekdays=(1,), nth=2, every=3),
        "FREQ=MONTHLY;INTERVAL=3;BYDAY=2TU",
        "Every 3 months on the second Tuesday",
        "Hver 3. måned den anden tirsdag",
    ),
    (
        rule(date(2027, 1, 15), monthday=15),
        "FREQ=MONTHLY;INTERVAL=1;BYMONTHDAY=15",
        "Every month on day 15",
        "Hver måned på dag 15",
    ),
]


@pytest.mark.parametrize(("repeated", "text", "english", "danish"), RULES)
def test_rule_is_written_read_and_said(repeated: RepeatRule, text: str, english: str, danish: str) -> None:
    assert repeated.rrule == text
    read = RepeatRule.parse(
        text, first_day=repeated.first_day, start=repeated.start, duration=repeated.duration, zone=repeated.zone
    )
    assert read == repeated
    with translation.override("en"):
        assert in_words(repeated) == english
    with translation.override("da"):
        assert in_words(repeated) == danish


@pytest.mark.parametrize(("day", "number"), [(1, 1), (7, 1), (8, 2), (28, 4), (29, LAST), (31, LAST)])
def test_number_of_a_weekday_in_its_month(day: int, number: int) -> None:
    assert number_in_month(date(2027, 1, day)) == number
