"""Times, time spans and numbers exactly as Danes and the British write them."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import timezone, translation

from incidents import formats


@pytest.fixture(autouse=True)
def _copenhagen() -> Iterator[None]:
    with timezone.override("Europe/Copenhagen"):
        yield


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


def both(write: Callable[[], str]) -> dict[str, str]:
    """Return the text in each language."""
    written = {}
    for language in ("da", "en"):
        with translation.override(language):
            written[language] = write()
    return written


EVENING = utc(2023, 10, 11, 17, 0)


def test_moment_names_date_time_and_zone() -> None:
    assert both(lambda: formats.moment(EVENING)) == {
        "da": "den 11. oktober 2023 kl. 19.00 CEST",
        "en": "11 October 2023, 19:00 CEST",
    }


def test_moment_follows_the_pages_zone() -> None:
    with timezone.override("UTC"):
        assert both(lambda: formats.moment(EVENING)) == {
            "da": "den 11. oktober 2023 kl. 17.00 UTC",
            "en": "11 October 2023, 17:00 UTC",
        }


def test_day_and_minute_have_no_needless_zero() -> None:
    assert both(lambda: formats.moment(utc(2024, 2, 1, 8, 5))) == {
        "da": "den 1. februar 2024 kl. 09.05 CET",
        "en": "1 February 2024, 09:05 CET",
    }


def test_short_moment_fits_a_table() -> None:
    assert both(lambda: formats.short_moment(EVENING)) == {"da": "11.10.2023 kl. 19.00", "en": "11 Oct 2023, 19:00"}


def test_day_of_a_moment_is_the_day_in_the_pages_zone() -> None:
    late = utc(2023, 12, 31, 23, 30)
    assert both(lambda: formats.day(late)) == {"da": "1. januar 2024", "en": "1 January 2024"}
    assert both(lambda: formats.day(date(2024, 1, 1))) == {"da": "1. januar 2024", "en": "1 January 2024"}


def test_month_is_named_with_its_year() -> None:
    assert both(lambda: formats.month(date(2023, 10, 1))) == {"da": "oktober 2023", "en": "October 2023"}


def test_time_of_day_names_the_zone() -> None:
    assert both(lambda: formats.time_of_day(EVENING)) == {"da": "kl. 19.00 CEST", "en": "19:00 CEST"}


def test_span_of_one_day_has_the_day_once() -> None:
    assert both(lambda: formats.span(EVENING, EVENING + timedelta(hours=2))) == {
        "da": "den 11. oktober 2023 kl. 19.00–21.00 CEST",
        "en": "11 October 2023, 19:00–21:00 CEST",
    }


def test_span_over_days_has_both_days_and_the_year_and_zone_once() -> None:
    assert both(lambda: formats.span(utc(2023, 10, 9, 21, 0), EVENING)) == {
        "da": "den 9. oktober 2023 kl. 23.00 – den 11. oktober kl. 19.00 CEST",
        "en": "9 October 2023, 23:00 to 11 October, 19:00 CEST",
    }


def test_span_over_new_year_has_both_years() -> None:
    assert both(lambda: formats.span(utc(2023, 12, 31, 22, 0), utc(2024, 1, 1, 1, 0))) == {
        "da": "den 31. december 2023 kl. 23.00 – den 1. januar 2024 kl. 02.00 CET",
        "en": "31 December 2023, 23:00 to 1 January 2024, 02:00 CET",
    }


def test_span_over_days_and_the_change_from_summer_time_names_both_zones() -> None:
    assert both(lambda: formats.span(utc(2026, 10, 24, 21, 0), utc(2026, 10, 25, 4, 0))) == {
        "da": "den 24. oktober 2026 kl. 23.00 CEST – den 25. oktober kl. 05.00 CET",
        "en": "24 October 2026, 23:00 CEST to 25 October, 05:00 CET",
    }


def test_span_without_end_has_the_start() -> None:
    assert both(lambda: formats.span(EVENING, None)) == {
        "da": "siden den 11. oktober 2023 kl. 19.00 CEST",
        "en": "since 11 October 2023, 19:00 CEST",
    }


def test_start_of_what_is_ongoing_is_a_fact_of_its_own() -> None:
    assert both(lambda: formats.began(EVENING)) == {
        "da": "begyndte den 11. oktober 2023 kl. 19.00 CEST",
        "en": "began 11 October 2023, 19:00 CEST",
    }


def test_repeated_hour_is_distinguished_by_its_zone() -> None:
    assert both(lambda: formats.moment(utc(2026, 10, 25, 0, 30))) == {
        "da": "den 25. oktober 2026 kl. 02.30 CEST",
        "en": "25 October 2026, 02:30 CEST",
    }
    assert both(lambda: formats.moment(utc(2026, 10, 25, 1, 30))) == {
        "da": "den 25. oktober 2026 kl. 02.30 CET",
        "en": "25 October 2026, 02:30 CET",
    }


def test_span_over_the_change_from_summer_time_names_both_zones() -> None:
    assert both(lambda: formats.span(utc(2026, 10, 25, 0, 30), utc(2026, 10, 25, 1, 15))) == {
        "da": "den 25. oktober 2026 kl. 02.30 CEST–02.15 CET",
        "en": "25 October 2026, 02:30 CEST–02:15 CET",
    }


def test_span_over_the_change_to_summer_time_names_both_zones() -> None:
    assert both(lambda: formats.span(utc(2026, 3, 29, 0, 30), utc(2026, 3, 29, 1, 30))) == {
        "da": "den 29. marts 2026 kl. 01.30 CET–03.30 CEST",
        "en": "29 March 2026, 01:30 CET–03:30 CEST",
    }


@pytest.mark.parametrize(
    ("minutes", "danish", "english"),
    [
        (0, "1 minut", "1 minute"),
        (1, "1 minut", "1 minute"),
        (59, "59 minutter", "59 minutes"),
        (60, "1 time", "1 hour"),
        (65, "1 time og 5 minutter", "1 hour and 5 minutes"),
        (121, "2 timer og 1 minut", "2 hours and 1 minute"),
        (24 * 60, "1 dag", "1 day"),
        (44 * 60 + 7, "1 dag og 20 timer", "1 day and 20 hours"),
        (48 * 60 + 5, "2 dage og 5 minutter", "2 days and 5 minutes"),
    ],
)
def test_duration_has_at_most_two_units(minutes: int, danish: str, english: str) -> None:
    assert both(lambda: formats.duration(timedelta(minutes=minutes))) == {"da": danish, "en": english}


@pytest.mark.parametrize(
    ("share", "danish", "english"),
    [
        (0.9995, "99,95 %", "99.95%"),
        (1.0, "100,00 %", "100.00%"),
        (0.99999, "99,99 %", "99.99%"),
        (0.0, "0,00 %", "0.00%"),
    ],
)
def test_percent_is_never_rounded_up_to_all(share: float, danish: str, english: str) -> None:
    assert both(lambda: formats.percent(share)) == {"da": danish, "en": english}


def test_iso_is_utc_as_html_accepts_it() -> None:
    assert formats.iso(timezone.localtime(EVENING)) == "2023-10-11T17:00:00Z"


def test_range_of_days_has_the_month_once() -> None:
    assert both(lambda: formats.days(date(2023, 10, 9), date(2023, 10, 11))) == {
        "da": "9.–11. oktober",
        "en": "9–11 October",
    }
    assert both(lambda: formats.days(date(2023, 9, 30), date(2023, 10, 2))) == {
        "da": "30. september – 2. oktober",
        "en": "30 September – 2 October",
    }
    assert both(lambda: formats.days(EVENING.date(), EVENING.date())) == {"da": "11. oktober", "en": "11 October"}
