"""What needs attention, on the front page."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client

from incidents.models import Incident, StaleSubject, Update
from incidents.status import Phase
from tests.admin.conftest import staff
from tests.factories import make_incident, make_maintenance, make_update

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def reasons(client: Client) -> list[tuple[str, str]]:
    return [(matter.reason, matter.address) for matter in client.get("/admin/").context["matters"]]


def test_overdue_promise_links_to_the_update_form(publisher: Client) -> None:
    incident = make_incident()
    assert reasons(publisher) == []
    Incident.objects.update(next_update_by=NOW - timedelta(minutes=1))
    form = f"/admin/incidents/incident/{incident.pk}/update/"
    assert reasons(publisher) == [("The update that was promised for 2 Mar 2026, 12:59 is overdue.", form)]
    assert form in publisher.get("/admin/").content.decode()
    make_update(incident, Phase.RESOLVED)
    assert reasons(publisher) == []


@pytest.mark.parametrize(("hours", "said"), [(2, None), (3, 3), (7, 6), (13, 12), (50, 24)])
def test_silence_is_stated_in_steps(publisher: Client, hours: int, said: int | None) -> None:
    make_incident()
    Update.objects.update(published_at=NOW - timedelta(hours=hours))
    expected = [f"No update for more than {said} hours."] if said else []
    assert [reason for reason, _address in reasons(publisher)] == expected


@pytest.mark.parametrize("auto_start", [True, False])
def test_maintenance_that_a_person_must_start_is_listed(publisher: Client, *, auto_start: bool) -> None:
    work = make_maintenance(start=NOW + timedelta(minutes=20), end=NOW + timedelta(hours=2), auto_start=auto_start)
    form = f"/admin/incidents/maintenance/{work.pk}/update/?phase=in_progress"
    assert reasons(publisher) == (
        []
        if auto_start
        else [("The planned start is 2 Mar 2026, 13:20; the maintenance does not start automatically.", form)]
    )


def test_maintenance_past_its_end_is_listed(publisher: Client) -> None:
    work = make_maintenance(start=NOW + timedelta(hours=1), end=NOW + timedelta(hours=2))
    Incident.objects.update(scheduled_for=NOW - timedelta(hours=2), scheduled_until=NOW - timedelta(hours=1))
    form = f"/admin/incidents/maintenance/{work.pk}/update/?phase=completed"
    assert reasons(publisher) == [
        ("The planned end was 2 Mar 2026, 12:00; the maintenance is not reported as finished.", form)
    ]


def test_old_draft_links_to_its_form(publisher: Client) -> None:
    incident = make_incident()
    draft = Update.objects.create(incident=incident, phase=Phase.MITIGATED)
    assert reasons(publisher) == []
    Update.objects.filter(pk=draft.pk).update(updated_at=NOW - timedelta(days=2))
    form = f"/admin/incidents/incident/{incident.pk}/updates/{draft.pk}/"
    assert reasons(publisher) == [("A draft is more than a day old.", form)]


def test_what_has_stopped_comes_first_and_leads_to_its_page(publisher: Client) -> None:
    make_incident()
    Incident.objects.update(next_update_by=NOW - timedelta(minutes=1))
    StaleSubject.objects.create(subject="page", since=NOW - timedelta(minutes=6))
    first = ("What was changed since 2 Mar 2026, 12:54 is not on the public page.", "/admin/#health")
    assert reasons(publisher)[0] == first
    assert len(reasons(publisher)) == 2
    assert first[0] in publisher.get("/admin/").content.decode()


def test_only_those_who_may_publish_the_kind_see_it(viewer: Client) -> None:
    make_incident()
    Incident.objects.update(next_update_by=NOW - timedelta(minutes=1))
    assert reasons(viewer) == []
    assert reasons(staff("mette", "view_maintenance", "publish_maintenance")) == []
    assert len(reasons(staff("ida", "view_incident", "publish_incident"))) == 1
