"""A change of a public incident's times, which shows what it changes for readers before it is saved."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone
from django.utils.html import strip_tags

from incidents import operations
from incidents.admin.addresses import incident_page
from incidents.models import Component, Incident, StaleSubject, StatusChange
from incidents.status import ComponentStatus, Phase
from incidents.text import Text
from tests.actors import ANYBODY
from tests.admin.filling import filled
from tests.factories import make_component, make_incident, make_maintenance, make_statement, make_update

pytestmark = pytest.mark.django_db
PARTIAL = ComponentStatus.PARTIAL_OUTAGE
NOW = datetime(2023, 10, 10, 12, 0, tzinfo=UTC)  # 14:00 in Copenhagen
START, END = datetime(2023, 10, 9, 6, 0, tzinfo=UTC), datetime(2023, 10, 9, 8, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _fixed_time() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def mail() -> Component:
    return make_component("mail", name=Text(da="Mail", en="Mail"), start_date=date(2023, 1, 1))


@pytest.fixture
def incident(mail: Component) -> Incident:
    """On 9 October from 8:00 to 10:00, in the page's time zone."""
    statement = make_statement(Phase.RESOLVED, ended_at=END, components={mail.pk: PARTIAL})
    return make_incident(statement=statement, started_at=START)


def save(client: Client, incident: Incident, confirmed: str = "", **typed: str) -> Any:
    """Send the form with what is typed; `confirmed` are the times that were shown before."""
    address = incident_page(incident, "details")
    form = client.get(address).context["form"]
    return client.post(address, {**filled(form), **typed, **({"times": confirmed} if confirmed else {})})


def differences(response: Any) -> list[tuple[str, str, str]]:
    found = response.context["effects"].differences
    return [(strip_tags(one.label), strip_tags(one.before), strip_tags(one.after)) for one in found]


def test_changed_end_shows_duration_and_uptime_before_it_is_saved(publisher: Client, incident: Incident) -> None:
    StaleSubject.objects.all().delete()
    response = save(publisher, incident, ended_at="2023-10-09T12:00", scope_da="Alle kunder")
    assert response.status_code == 200
    assert differences(response) == [
        ("Duration", "2 hours", "4 hours"),
        ("Mail: uptime of the last 90 days", "99.90%", "99.81%"),
    ]
    page = response.content.decode()
    assert "Save these times" in page
    assert "Alle kunder" in page
    assert 'value="2023-10-09T12:00"' in page
    incident.refresh_from_db()
    assert (incident.started_at, incident.ended_at, incident.scope) == (START, END, {})
    assert list(StatusChange.objects.values_list("at", flat=True)) == [START, END]
    assert not StaleSubject.objects.exists()


def test_confirmed_times_are_saved_with_everything_else(publisher: Client, incident: Incident) -> None:
    typed = {"started_at": "2023-10-09T07:00", "ended_at": "2023-10-09T12:00", "scope_da": "Alle kunder"}
    shown = save(publisher, incident, **typed)
    assert save(publisher, incident, shown.context["form"].times, **typed).status_code == 302
    incident.refresh_from_db()
    assert (incident.started_at, incident.ended_at) == (START - timedelta(hours=1), END + timedelta(hours=2))
    assert incident.scope == {"da": "Alle kunder"}
    assert list(StatusChange.objects.values_list("at", flat=True)) == [incident.started_at, incident.ended_at]


def test_confirmation_is_in_the_form(publisher: Client, incident: Incident) -> None:
    response = save(publisher, incident, ended_at="2023-10-09T12:00")
    times = response.context["form"].times
    assert f'<input type="hidden" name="times" value="{times}">' in response.content.decode()


def test_other_times_than_the_confirmed_ones_are_shown_before_they_are_saved(
    publisher: Client, incident: Incident
) -> None:
    confirmed = save(publisher, incident, ended_at="2023-10-09T12:00").context["form"].times
    response = save(publisher, incident, confirmed, ended_at="2023-10-09T11:00")
    assert differences(response)[0] == ("Duration", "2 hours", "3 hours")
    incident.refresh_from_db()
    assert incident.ended_at == END


def test_other_details_are_saved_at_once(publisher: Client, incident: Incident) -> None:
    assert save(publisher, incident, scope_da="Alle kunder").status_code == 302
    incident.refresh_from_db()
    assert incident.scope == {"da": "Alle kunder"}


def test_times_of_a_draft_are_saved_at_once(publisher: Client) -> None:
    draft = make_incident(started_at=START, draft=True)
    assert save(publisher, draft, started_at="2023-10-09T07:00").status_code == 302
    draft.refresh_from_db()
    assert draft.started_at == START - timedelta(hours=1)


def test_impossible_times_are_refused_beside_their_fields(publisher: Client, incident: Incident) -> None:
    for name, wrong in (("started_at", "2023-10-09T11:00"), ("ended_at", "2999-01-01T00:00"), ("ended_at", "")):
        response = save(publisher, incident, **{name: wrong})
        assert (response.status_code, set(response.context["form"].errors)) == (422, {name}), wrong


def test_component_whose_uptime_stays_is_left_out(publisher: Client, mail: Component, incident: Incident) -> None:
    web = make_component("web", name=Text(en="Web"), start_date=date(2023, 1, 1))
    whole_day = make_statement(Phase.RESOLVED, ended_at=END + timedelta(days=1), components={mail.pk: PARTIAL})
    make_incident(statement=whole_day, started_at=START - timedelta(days=1))
    both = make_statement(Phase.RESOLVED, ended_at=END, components={mail.pk: PARTIAL, web.pk: PARTIAL})
    response = save(publisher, make_incident(statement=both, started_at=START), ended_at="2023-10-09T12:00")
    assert [label for label, _before, _after in differences(response)] == [
        "Duration",
        "Web: uptime of the last 90 days",
    ]


def test_change_of_nothing_but_the_duration_says_so(publisher: Client) -> None:
    incident = make_incident(statement=make_statement(Phase.RESOLVED, ended_at=END), started_at=START)
    response = save(publisher, incident, ended_at="2023-10-09T10:01")
    assert differences(response) == [("Duration", "2 hours", "2 hours and 1 minute")]
    assert "Only the duration changes" in response.content.decode()


def test_move_that_changes_no_figure_says_so(publisher: Client) -> None:
    incident = make_incident(statement=make_statement(Phase.RESOLVED, ended_at=END), started_at=START)
    response = save(publisher, incident, started_at="2023-10-09T09:00", ended_at="2023-10-09T11:00")
    assert "The duration stays the same" in response.content.decode()


def test_start_of_an_open_incident_shows_its_duration_until_now(publisher: Client, mail: Component) -> None:
    incident = make_incident(components={mail: PARTIAL}, started_at=NOW - timedelta(hours=1))
    make_update(incident, components={mail.pk: ComponentStatus.OPERATIONAL}, at=NOW - timedelta(minutes=30))
    response = save(publisher, incident, started_at="2023-10-10T11:00")
    assert differences(response)[0] == ("Duration", "1 hour", "3 hours")
    assert "ended_at" not in response.context["form"].fields


def test_current_status_is_shown_if_it_changes(publisher: Client, mail: Component, incident: Incident) -> None:
    Component.objects.update(status=PARTIAL)  # as left behind by a restored backup
    response = save(publisher, incident, ended_at="2023-10-09T12:00")
    assert ("Mail: status now", "Partial outage", "Operational") in differences(response)


def test_end_of_work_that_is_over_is_edited_too(publisher: Client, mail: Component) -> None:
    with time_machine.travel(NOW - timedelta(hours=3), tick=False):
        work = make_maintenance(start=NOW - timedelta(hours=2), end=NOW + timedelta(hours=1), components=(mail,))
    for phase, ago in ((Phase.IN_PROGRESS, timedelta(minutes=30)), (Phase.COMPLETED, timedelta(minutes=10))):
        operations.post_update(by=ANYBODY, incident=work, statement=make_statement(phase, at=NOW - ago))
    response = save(publisher, work, ended_at="2023-10-10T13:55")
    assert differences(response)[0] == ("Duration", "20 minutes", "25 minutes")
    assert save(publisher, work, response.context["form"].times, ended_at="2023-10-10T13:55").status_code == 302
    work.refresh_from_db()
    assert work.ended_at == NOW - timedelta(minutes=5)


def test_change_by_another_member_of_staff_does_not_ask_again_for_confirmed_times(
    publisher: Client, incident: Incident
) -> None:
    typed = {"ended_at": "2023-10-09T12:00"}
    confirmed = save(publisher, incident, **typed).context["form"].times
    operations.edit_incident(by=ANYBODY, incident=incident, details={"impact": "critical"})
    assert save(publisher, incident, confirmed, **typed).status_code == 302


def test_hidden_component_is_not_part_of_what_readers_see(
    publisher: Client, mail: Component, incident: Incident
) -> None:
    operations.edit_component(by=ANYBODY, component=mail, fields={"hidden": True})
    response = save(publisher, incident, ended_at="2023-10-09T12:00")
    assert [label for label, _before, _after in differences(response)] == ["Duration"]


def test_end_of_an_incident_reads_as_the_page_shows_it(publisher: Client, incident: Incident) -> None:
    form = publisher.get(incident_page(incident, "details")).context["form"]
    assert filled(form)["ended_at"] == f"{timezone.localtime(END):%Y-%m-%dT%H:%M}" == "2023-10-09T10:00"
