"""Maintenance starts and ends at its planned times, or waits for a person and says so."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from pytest_django import DjangoAssertNumQueries

from incidents import operations, scheduler
from incidents.models import Announcement, AuditEntry, Component, Incident, StaleSubject, Update, UpdateTemplate
from incidents.staff.actors import SCHEDULER
from incidents.status import ComponentStatus, Kind, Overdue, Phase
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import make_component, make_maintenance, make_statement, make_update
from tests.support.log_ins import NOON

START, END = NOON + timedelta(days=2), NOON + timedelta(days=2, hours=3)
SECOND = timedelta(seconds=1)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock", "public_store")]


@pytest.fixture
def disk() -> Component:
    return make_component("disk")


def planned(disk: Component, *, start: bool = True, end: bool = True) -> Incident:
    return make_maintenance(start=START, end=END, components=(disk,), auto_start=start, auto_complete=end)


def run(incident: Incident) -> Incident:
    scheduler.change_due_maintenance()
    incident.refresh_from_db()
    return incident


def story(incident: Incident) -> list[tuple[str, datetime, bool]]:
    """Phase, time and notification of the updates after the first, oldest first."""
    return list(incident.updates.order_by("at", "created_at").values_list("phase", "at", "notify")[1:])


def test_maintenance_starts_and_ends_once_at_its_times(disk: Component, clock: time_machine.Traveller) -> None:
    incident = planned(disk)
    clock.move_to(START - SECOND)
    assert run(incident).phase == Phase.SCHEDULED
    clock.move_to(START + SECOND)
    for _ in range(2):
        assert run(incident).phase == Phase.IN_PROGRESS
    disk.refresh_from_db()
    assert (disk.status, incident.started_at) == (ComponentStatus.UNDER_MAINTENANCE, START)
    clock.move_to(END + SECOND)
    for _ in range(2):
        assert run(incident).phase == Phase.COMPLETED
    disk.refresh_from_db()
    assert (disk.status, incident.ended_at) == (ComponentStatus.OPERATIONAL, END)
    assert story(incident) == [("in_progress", START, True), ("completed", END, True)]
    assert Announcement.objects.filter(update__incident=incident).count() == 2
    entries = (
        AuditEntry.objects.filter(actor_name="scheduler", operation__endswith="_due_maintenance")
        .order_by("pk")
        .values_list("operation", flat=True)
    )
    assert list(entries) == ["start_due_maintenance", "complete_due_maintenance"]


def test_second_scheduler_changes_nothing(disk: Component, clock: time_machine.Traveller) -> None:
    seen_by_both = planned(disk)
    clock.move_to(START)
    assert operations.start_due_maintenance(incident=seen_by_both, by=SCHEDULER)
    assert operations.start_due_maintenance(incident=seen_by_both, by=SCHEDULER) is False
    assert len(story(seen_by_both)) == 1


def test_late_scheduler_records_the_planned_times_and_notifies_of_the_end_only(
    disk: Component, clock: time_machine.Traveller
) -> None:
    incident = planned(disk)
    clock.move_to(END + timedelta(hours=5))
    assert run(incident).phase == Phase.COMPLETED
    assert (incident.started_at, incident.ended_at) == (START, END)
    assert story(incident) == [("in_progress", START, False), ("completed", END, True)]


def test_maintenance_that_nobody_starts_says_so_and_is_published(
    disk: Component, clock: time_machine.Traveller
) -> None:
    incident = planned(disk, start=False)
    clock.move_to(START)
    StaleSubject.objects.all().delete()
    assert run(incident).overdue == Overdue.START
    assert StaleSubject.objects.filter(subject=f"incident:{incident.pk}").exists()
    clock.move_to(END)
    assert (run(incident).phase, incident.overdue) == (Phase.SCHEDULED, Overdue.END)
    assert story(incident) == []
    StaleSubject.objects.all().delete()
    run(incident)
    assert not StaleSubject.objects.exists()


def test_report_of_a_person_ends_the_wait(disk: Component, clock: time_machine.Traveller) -> None:
    incident = planned(disk, start=False, end=False)
    clock.move_to(START + SECOND)
    run(incident)
    operations.start_maintenance(by=ANYBODY, incident=incident, text=Text(da="Vi begynder."), notify=False)
    incident.refresh_from_db()
    assert incident.overdue == Overdue.NOTHING
    clock.move_to(END)
    assert (run(incident).phase, incident.overdue) == (Phase.IN_PROGRESS, Overdue.END)
    later = {"scheduled_until": END + timedelta(hours=1)}
    operations.edit_incident(by=ANYBODY, incident=incident, details=later)  # type: ignore[arg-type]
    incident.refresh_from_db()
    assert incident.overdue == Overdue.NOTHING


def test_maintenance_started_by_hand_ends_automatically(disk: Component, clock: time_machine.Traveller) -> None:
    incident = planned(disk, start=False)
    clock.move_to(START + timedelta(hours=1))
    operations.start_maintenance(by=ANYBODY, incident=incident, text=Text(da="Vi begynder."), notify=False)
    clock.move_to(END)
    assert run(incident).phase == Phase.COMPLETED


def test_update_after_the_planned_end_leaves_the_rest_to_a_person(
    disk: Component, clock: time_machine.Traveller
) -> None:
    incident = planned(disk)
    clock.move_to(START)
    run(incident)
    clock.move_to(END + timedelta(minutes=4))
    make_update(incident, Phase.IN_PROGRESS, text=Text(en="Still working."))
    assert (run(incident).phase, incident.overdue) == (Phase.IN_PROGRESS, Overdue.END)


def test_update_that_staff_have_scheduled_replaces_the_automatic_one(
    disk: Component, clock: time_machine.Traveller
) -> None:
    incident = planned(disk)
    own = make_statement(Phase.IN_PROGRESS, text=Text(en="Karen starts."), publish_at=START + timedelta(minutes=10))
    operations.post_update(by=ANYBODY, incident=incident, statement=own)
    clock.move_to(START + SECOND)
    assert (run(incident).phase, incident.overdue) == (Phase.SCHEDULED, Overdue.START)
    clock.move_to(START + timedelta(minutes=10))
    scheduler.publish_due_updates()
    assert (run(incident).phase, len(story(incident))) == (Phase.IN_PROGRESS, 1)


def test_draft_and_cancelled_maintenance_do_not_start(disk: Component, clock: time_machine.Traveller) -> None:
    cancelled = planned(disk)
    clock.shift(SECOND)
    operations.cancel_maintenance(by=ANYBODY, incident=cancelled, text=Text(en="Not needed."))
    draft = operations.schedule_maintenance(
        by=ANYBODY, details={"title": Text(en="Draft"), "scheduled_for": START, "scheduled_until": END,
                             "auto_start": True}, statement=make_statement(Phase.SCHEDULED), draft=True
    )  # fmt: skip
    clock.move_to(START)
    assert [run(cancelled).phase, run(draft).phase] == [Phase.CANCELLED, Phase.SCHEDULED]
    assert {cancelled.overdue, draft.overdue} == {Overdue.NOTHING}


def test_text_is_the_first_template_and_ours_in_languages_that_it_lacks(
    disk: Component, clock: time_machine.Traveller
) -> None:
    for position, text in enumerate(
        [Text(da="Nyt {next_update}."), Text(da="{components}: i gang."), Text(da="Sidst.")]
    ):
        UpdateTemplate.objects.create(
            kind=Kind.MAINTENANCE, phase=Phase.IN_PROGRESS, name=Text(da="I gang"), text=text, position=position
        )
    incident = planned(disk)
    clock.move_to(START)
    run(incident)
    update = Update.objects.get(incident=incident, phase=Phase.IN_PROGRESS)
    assert update.text == Text(da="disk (da): i gang.", en="The maintenance has started.")


def test_failure_of_one_maintenance_does_not_stop_the_others(
    disk: Component, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = planned(disk), planned(disk)
    start = operations.start_due_maintenance

    def fail_for_first(*, incident: Incident, by: object) -> object:
        if incident == first:
            raise RuntimeError
        return start(incident=incident, by=by)  # type: ignore[arg-type]

    monkeypatch.setattr(operations, "start_due_maintenance", fail_for_first)
    clock.move_to(START)
    run(first)
    second.refresh_from_db()
    assert (first.phase, first.overdue, second.phase) == (Phase.SCHEDULED, Overdue.START, Phase.IN_PROGRESS)
    assert f"Maintenance {first.pk} could not be changed" in caplog.text


def test_one_query_while_nothing_is_due(
    disk: Component, clock: time_machine.Traveller, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(3):
        planned(disk)
    with django_assert_num_queries(1):
        scheduler.change_due_maintenance()


@pytest.mark.usefixtures("published_at_once")
def test_page_says_what_was_not_reported(
    disk: Component, clock: time_machine.Traveller, public_store: Path, django_capture_on_commit_callbacks: object
) -> None:
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        incident = planned(disk, start=False)
    clock.move_to(END)
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        run(incident)
    for language, words in {
        "en": ("Was planned until", "not reported as finished yet", "Not reported"),
        "da": ("Var planlagt til", "endnu ikke meldt afsluttet", "Ikke meldt"),
    }.items():
        page = next(public_store.glob(f"**/{language}/incidents/{incident.pk}/index.html")).read_text()
        assert all(word in page for word in words)
        listed = next(public_store.glob(f"**/{language}/maintenance/index.html")).read_text()
        assert 'id="unreported"' in listed
        home = next(public_store.glob(f"**/{language}/index.html")).read_text()
        assert words[1] in home
