"""Times as staff type them, in the page's zone."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.utils import timezone, translation

from incidents.admin.forms.fields import MomentField


def read(text: str) -> datetime:
    with timezone.override(ZoneInfo("Europe/Copenhagen")):
        value = MomentField().to_python(text)
    assert value is not None
    return value.astimezone(UTC)


def test_time_is_read_in_the_active_zone() -> None:
    assert read("2023-10-11T19:00") == datetime(2023, 10, 11, 17, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "meant"),
    [
        (datetime(2026, 10, 25, 0, 40, tzinfo=UTC), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),  # 02.40 CEST
        (datetime(2026, 10, 25, 1, 40, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),  # 02.40 CET
        (datetime(2026, 12, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),
        (datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
    ],
)
def test_hour_that_occurs_twice_is_the_one_nearest_to_now(now: datetime, meant: datetime) -> None:
    with time_machine.travel(now):
        assert read("2026-10-25T02:30") == meant


def test_hour_that_never_occurs_is_refused() -> None:
    with translation.override("en"), pytest.raises(ValidationError, match="does not exist"):
        read("2026-03-29T02:30")


def test_time_that_was_not_touched_is_unchanged_to_the_second() -> None:
    stored = datetime(2026, 10, 25, 0, 30, 59, tzinfo=UTC)
    with timezone.override(ZoneInfo("Europe/Copenhagen")):
        assert not MomentField().has_changed(stored, "2026-10-25T02:30")
        assert MomentField().has_changed(stored, "2026-10-25T02:31")
        assert MomentField().has_changed(stored, "")
