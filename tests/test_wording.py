"""Times on a page: no line breaks within a time of day."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone, translation

from incidents import wording

EVENING = datetime(2023, 10, 11, 17, 0, tzinfo=UTC)
CLOCK_CHANGE = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("write", "danish", "english"),
    [
        (lambda: wording.moment(EVENING), "2023 kl.~19.00~CEST</time>", "2023, 19:00~CEST</time>"),
        (lambda: wording.began(EVENING), "2023 kl.~19.00~CEST</time>", "2023, 19:00~CEST</time>"),
        (lambda: wording.short_moment(EVENING), ">11.10.2023 kl.~19.00</time>", ">11 Oct 2023, 19:00</time>"),
        (lambda: wording.time_of_day(EVENING), ">kl.~19.00~CEST</time>", ">19:00~CEST</time>"),
        (
            lambda: wording.span(EVENING, EVENING + timedelta(hours=2)),
            "2023 kl.~19.00–^21.00~CEST",
            "2023, 19:00–^21:00~CEST",
        ),
        (
            lambda: wording.span(CLOCK_CHANGE, CLOCK_CHANGE + timedelta(hours=1)),
            "2026 kl.~02.30~CEST–^02.30~CET",
            "2026, 02:30~CEST–^02:30~CET",
        ),
        (
            lambda: wording.span(EVENING, EVENING + timedelta(days=1)),
            "2023 kl.~19.00 – den 12. oktober kl.~19.00~CEST",
            "2023, 19:00 to 12 October, 19:00~CEST",
        ),
    ],
)
def test_no_line_breaks_within_a_time_of_day(write: Callable[[], str], danish: str, english: str) -> None:
    """“~” is a no-break space, “^” a word joiner."""
    for language, expected in (("da", danish), ("en", english)):
        with timezone.override("Europe/Copenhagen"), translation.override(language):
            text = write().replace("\N{NO-BREAK SPACE}", "~").replace("\N{WORD JOINER}", "^")
        assert text.endswith(expected)


def shown(at: datetime) -> str:
    return wording.moment(at).replace("\N{NO-BREAK SPACE}", " ").replace("\N{WORD JOINER}", "")


def test_both_passes_of_the_hour_that_occurs_twice_are_told_apart() -> None:
    copenhagen = ZoneInfo("Europe/Copenhagen")
    first, second = (datetime(2023, 10, 29, 2, 30, tzinfo=copenhagen, fold=fold) for fold in (0, 1))
    with translation.override("en"), timezone.override(copenhagen):
        assert "02:30 CEST" in shown(first)
        assert "02:30 CET<" in shown(second)


def test_moment_is_written_in_the_active_language_and_zone() -> None:
    at = datetime(2023, 10, 11, 17, 0, tzinfo=UTC)
    with timezone.override("Europe/Copenhagen"):
        with translation.override("da"):
            assert "kl. 19.00" in shown(at)
        with translation.override("en"):
            assert "19:00 CEST" in shown(at)
    with translation.override("en"), timezone.override("UTC"):
        assert "17:00 UTC" in shown(at)
