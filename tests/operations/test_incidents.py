from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ValidationError

from incidents import operations
from incidents.models import Announcement, Incident, StaleSubject, Update
from incidents.scheduler import publish_due_updates
from incidents.status import ComponentStatus, Impact, Phase
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import make_component, make_incident, make_page, make_statement, make_update

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def refused(error: pytest.ExceptionInfo[ValidationError]) -> set[str]:
    return set(error.value.message_dict)


def test_opened_incident_is_public_with_its_first_update_and_phase() -> None:
    incident = make_incident()
    assert incident.is_public
    assert incident.phase == Phase.IDENTIFIED
    assert incident.started_at == NOW
    assert [update.phase for update in Update.objects.public()] == [Phase.IDENTIFIED]


def test_draft_incident_is_public_nowhere_and_changes_no_component() -> None:
    mail = make_component("mail")
    incident = make_incident(components={mail: ComponentStatus.MAJOR_OUTAGE}, draft=True)
    mail.refresh_from_db()
    assert not Incident.objects.public().exists()
    assert not Update.objects.public().exists()
    assert mail.status == ComponentStatus.OPERATIONAL
    operations.publish_draft(by=ANYBODY, update=incident.updates.get())
    mail.refresh_from_db()
    assert Incident.objects.public().get() == incident
    assert mail.status == ComponentStatus.MAJOR_OUTAGE


def test_incident_without_any_text_is_refused_and_nothing_is_stored() -> None:
    with pytest.raises(ValidationError) as error:
        make_incident(statement=make_statement(text=Text()))
    assert refused(error) == {"text"}
    with pytest.raises(ValidationError) as error:
        make_incident(title=Text())
    assert refused(error) == {"title"}
    assert not Incident.objects.exists()
    assert not StaleSubject.objects.exists()


def test_title_with_line_breaks_becomes_one_line() -> None:
    incident = make_incident(title=Text(en="Mail\r\nBcc: everyone@example.com\n is late"))
    assert incident.title["en"] == "Mail Bcc: everyone@example.com is late"


@pytest.mark.parametrize(
    ("details", "field"),
    [
        ({"title": Text(en="x" * 201)}, "title"),
        ({"title": Text(fr="Panne")}, "title"),
        ({"scope": Text(da="x" * 100_000)}, "scope"),
        ({"impact": "enormous"}, "impact"),
        ({"impact": Impact.MAINTENANCE}, "impact"),
        ({"started_at": NOW + timedelta(hours=1)}, "started_at"),
        ({"upstream_url": "javascript:alert(1)"}, "upstream_url"),
    ],
)
def test_wrong_detail_is_refused_by_its_field(details: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as error:
        make_incident(**details)
    assert refused(error) == {field}
    assert not Incident.objects.exists()


def test_update_in_the_future_needs_a_schedule() -> None:
    incident = make_incident()
    with pytest.raises(ValidationError) as error:
        make_update(incident, at=NOW + timedelta(hours=1))
    assert refused(error) == {"at"}
    scheduled = make_update(incident, publish_at=NOW + timedelta(hours=1))
    assert scheduled.is_scheduled
    assert scheduled not in Update.objects.public()


def test_schedule_in_the_past_is_refused() -> None:
    incident = make_incident()
    with pytest.raises(ValidationError) as error:
        make_update(incident, publish_at=NOW - timedelta(minutes=5))
    assert refused(error) == {"publish_at"}


def test_phase_of_the_other_kind_is_refused() -> None:
    with pytest.raises(ValidationError) as error:
        make_update(make_incident(), Phase.IN_PROGRESS)
    assert refused(error) == {"phase"}


def test_incident_cannot_be_resolved_before_it_started() -> None:
    incident = make_incident()
    with pytest.raises(ValidationError) as error:
        operations.resolve(by=ANYBODY, incident=incident, text=Text(en="Over."), ended_at=NOW - timedelta(hours=1))
    assert refused(error) == {"ended_at"}


def test_resolving_sets_the_end_and_every_touched_component_operational(clock: time_machine.Traveller) -> None:
    mail, web = make_component("mail"), make_component("web")
    incident = make_incident(components={mail: ComponentStatus.MAJOR_OUTAGE})
    clock.shift(60)
    make_update(incident, components={web.pk: ComponentStatus.DEGRADED_PERFORMANCE})
    clock.shift(60)
    operations.resolve(by=ANYBODY, incident=incident, text=Text(en="Over."), notify=False)
    incident.refresh_from_db()
    mail.refresh_from_db()
    web.refresh_from_db()
    assert incident.is_over
    assert incident.ended_at == NOW + timedelta(minutes=2)
    assert {mail.status, web.status} == {ComponentStatus.OPERATIONAL}
    assert [change.status for change in mail.status_changes.all()] == ["major_outage", "operational"]


def test_finished_incident_goes_back_only_by_reopening(clock: time_machine.Traveller) -> None:
    incident = make_incident()
    clock.shift(60)
    operations.resolve(by=ANYBODY, incident=incident, text=Text(en="Over."), notify=False)
    clock.shift(60)
    with pytest.raises(ValidationError) as error:
        make_update(incident, Phase.INVESTIGATING)
    assert refused(error) == {"phase"}
    operations.reopen(by=ANYBODY, incident=incident, statement=make_statement(Phase.INVESTIGATING))
    incident.refresh_from_db()
    assert incident.phase == Phase.INVESTIGATING
    assert incident.ended_at is None


def test_backdated_update_neither_moves_the_phase_back_nor_tells_anybody(clock: time_machine.Traveller) -> None:
    incident = make_incident(started_at=NOW - timedelta(days=1))
    clock.shift(60)
    update = make_update(incident, Phase.INVESTIGATING, at=NOW - timedelta(hours=5), notify=None)
    incident.refresh_from_db()
    assert incident.phase == Phase.IDENTIFIED
    assert not update.notify
    assert not Announcement.objects.exists()


def test_backdated_component_change_leaves_a_newer_status_as_it_is() -> None:
    mail = make_component("mail")
    incident = make_incident(started_at=NOW - timedelta(days=1))
    make_update(incident, components={mail.pk: ComponentStatus.MAJOR_OUTAGE})
    make_update(incident, at=NOW - timedelta(hours=3), components={mail.pk: ComponentStatus.OPERATIONAL})
    mail.refresh_from_db()
    assert mail.status == ComponentStatus.MAJOR_OUTAGE


def test_notified_update_is_announced_once_in_its_own_transaction() -> None:
    incident = make_incident(statement=make_statement(notify=True))
    announcement = Announcement.objects.get()
    assert announcement.update == incident.updates.get()
    assert announcement.expanded_at is None


def test_withdrawn_incident_disappears_and_gives_components_their_status_back() -> None:
    mail = make_component("mail")
    incident = make_incident(statement=make_statement(notify=True, components={mail.pk: ComponentStatus.MAJOR_OUTAGE}))
    operations.withdraw(by=ANYBODY, incident=incident)
    mail.refresh_from_db()
    assert not Incident.objects.public().exists()
    assert not Update.objects.public().exists()
    assert mail.status == ComponentStatus.OPERATIONAL
    assert not mail.status_changes.exists()
    assert Announcement.objects.get().cancelled_at is not None


def test_withdrawn_incident_comes_back_as_it_was_and_tells_nobody(clock: time_machine.Traveller) -> None:
    mail = make_component("mail")
    incident = make_incident(statement=make_statement(notify=True, components={mail.pk: ComponentStatus.MAJOR_OUTAGE}))
    operations.withdraw(by=ANYBODY, incident=incident)
    clock.shift(timedelta(hours=3))
    operations.publish_again(by=ANYBODY, incident=incident)
    mail.refresh_from_db()
    assert [update.at for update in Update.objects.public()] == [NOW]
    assert mail.status == ComponentStatus.MAJOR_OUTAGE
    assert mail.status_changes.get().at == NOW
    assert not Announcement.objects.filter(cancelled_at=None).exists()


def test_nothing_scheduled_brings_a_withdrawn_incident_back(clock: time_machine.Traveller) -> None:
    incident = make_incident()
    scheduled = make_update(incident, publish_at=NOW + timedelta(hours=1))
    operations.withdraw(by=ANYBODY, incident=incident)
    clock.shift(timedelta(hours=2))
    publish_due_updates()
    scheduled.refresh_from_db()
    assert not scheduled.is_scheduled
    assert not Incident.objects.public().exists()
    with pytest.raises(ValidationError, match=r"trukket tilbage|withdrawn"):
        make_update(incident)


def test_resolving_leaves_a_component_as_another_open_incident_has_it(clock: time_machine.Traveller) -> None:
    mail, web = make_component("mail"), make_component("web")
    make_incident(components={mail: ComponentStatus.MAJOR_OUTAGE})
    second = make_incident(components={mail: ComponentStatus.DEGRADED_PERFORMANCE, web: ComponentStatus.PARTIAL_OUTAGE})
    clock.shift(60)
    operations.resolve(by=ANYBODY, incident=second, text=Text(en="Over."), notify=False)
    mail.refresh_from_db()
    web.refresh_from_db()
    assert mail.status == ComponentStatus.MAJOR_OUTAGE
    assert web.status == ComponentStatus.OPERATIONAL


def test_month_that_becomes_stale_is_that_of_the_pages_own_zone() -> None:
    make_page(time_zone="Pacific/Auckland")  # thirteen hours ahead: there it is March already
    with time_machine.travel(datetime(2026, 2, 28, 13, 0, tzinfo=UTC), tick=False):
        make_incident()
    assert StaleSubject.objects.filter(subject="month:2026-03").exists()
    assert not StaleSubject.objects.filter(subject="month:2026-02").exists()


def test_change_of_start_makes_the_old_and_the_new_month_stale() -> None:
    incident = make_incident()
    StaleSubject.objects.all().delete()
    operations.edit_incident(by=ANYBODY, incident=incident, details={"started_at": NOW - timedelta(days=20)})
    months = set(StaleSubject.objects.filter(subject__startswith="month:").values_list("subject", flat=True))
    assert months == {"month:2026-03", "month:2026-02"}
