"""Programs read the uptime of components and groups."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from incidents import operations
from incidents.api import answers
from incidents.models import Component
from incidents.status import ComponentStatus
from tests.actors import ANYBODY
from tests.factories import make_component, make_group
from tests.support.api_client import ApiClient

pytestmark = pytest.mark.django_db
Api = Callable[..., ApiClient]
NOW = datetime(2026, 3, 12, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture(autouse=True)
def clock() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def broken(status: ComponentStatus, since: datetime, until: datetime) -> Component:
    """A component of the group that was in this state, and has been in service for ten days."""
    row = make_component("mail", start_date=(NOW - 10 * DAY).date())
    for at, state in ((since, status), (until, ComponentStatus.OPERATIONAL)):
        operations.set_component_status(component=row, status=state, at=at, by=ANYBODY)
    return row


def test_outages_lower_the_uptime_of_a_range(api: Api) -> None:
    row = broken(ComponentStatus.MAJOR_OUTAGE, NOW - 12 * HOUR, NOW - 6 * HOUR)
    address = f"/components/{row.pk}/uptime?start={(NOW - DAY):%Y-%m-%dT%H:%M:%SZ}"
    answer = api("read").get(address)
    assert answer.status_code == 200, answer.content
    found = answer.json()
    answers.Uptime.model_validate(found)
    assert (found["uptime_percentage"], found["major_outage"], found["partial_outage"]) == (75, 6 * 3600, 0)
    assert (found["range_start"], found["range_end"]) == (
        "2026-03-11T13:00:00.000+01:00",
        "2026-03-12T13:00:00.000+01:00",
    )


def test_range_can_be_days_and_may_end_before_now(api: Api) -> None:
    row = broken(ComponentStatus.MAJOR_OUTAGE, NOW - 12 * HOUR, NOW - 6 * HOUR)
    found = api("read").get(f"/components/{row.pk}/uptime?start=2026-03-05&end=2026-03-07").json()
    assert (found["uptime_percentage"], found["range_end"]) == (100, "2026-03-07T00:00:00.000+01:00")


def test_group_has_the_uptime_of_its_components_together(api: Api) -> None:
    group = make_group()
    row = broken(ComponentStatus.PARTIAL_OUTAGE, NOW - 12 * HOUR, NOW)
    operations.edit_component(component=row, fields={"group": group}, by=ANYBODY)
    make_component("web", group=group, start_date=(NOW - 10 * DAY).date())
    found = api("read").get(f"/component-groups/{group.pk}/uptime?start={(NOW - DAY):%Y-%m-%dT%H:%M:%SZ}").json()
    assert (found["uptime_percentage"], found["partial_outage"]) == (75, 12 * 3600)


def test_time_before_service_has_no_uptime(api: Api) -> None:
    row = make_component("mail", start_date=NOW.date())
    found = api("read").get(f"/components/{row.pk}/uptime?start=2026-01-01&end=2026-01-02").json()
    assert found["uptime_percentage"] is None


@pytest.mark.parametrize("query", ["start=2026-03-10&end=2026-03-01", "start=never", "start=2030-01-01"])
def test_odd_ranges_are_refused(api: Api, query: str) -> None:
    answer = api("read").get(f"/components/{make_component('mail').pk}/uptime?{query}")
    assert (answer.status_code, bool(answer.json()["error"])) == (422, True)


def test_end_in_the_future_is_answered_with_a_warning(api: Api) -> None:
    found = api("read").get(f"/components/{make_component('mail').pk}/uptime?end=2027-01-01").json()
    assert found["warnings"]
    assert found["range_end"] == "2026-03-12T13:00:00.000+01:00"
