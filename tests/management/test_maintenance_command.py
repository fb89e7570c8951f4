"""`manage.py maintenance`: schedules, moves and reports planned work in the terminal."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from pytest_django import Settings

from incidents.models import Announcement, Incident, Update
from incidents.status import ComponentStatus, Phase
from incidents.text import Text
from tests.factories import make_component, make_incident, make_maintenance, make_page
from tests.management.posting_commands import Terminal
from tests.support.log_ins import NOON

pytestmark = pytest.mark.django_db
TEXT = ("--da", "Vi skifter diske.", "--en", "We replace the disks.")
SCHEDULE = ("schedule", "--title-da", "Nye diske", "--title-en", "New disks", *TEXT)


@pytest.fixture
def maintenance(monkeypatch: pytest.MonkeyPatch, settings: Settings, clock: time_machine.Traveller) -> Terminal:
    settings.ANNOUNCEMENT_HOLD = 30
    make_page(time_zone="Europe/Copenhagen")
    return Terminal("maintenance", monkeypatch)


@pytest.fixture
def work(maintenance: Terminal, clock: time_machine.Traveller) -> Incident:
    """Maintenance from two to four hours after noon; it was scheduled a minute ago."""
    component = make_component("mail")
    scheduled = make_maintenance(
        start=NOON + timedelta(hours=2), end=NOON + timedelta(hours=4), components=(component,)
    )
    clock.shift(timedelta(minutes=1))
    return scheduled


def test_schedule_takes_times_in_the_zone_of_the_page(maintenance: Terminal) -> None:
    make_component("mail")
    window = ("--from", "2030-01-02 22:00", "--until", "2030-01-02T22:30:00Z")
    maintenance.run(*SCHEDULE, *window, "--component", "mail", "--auto-start")
    work = Incident.objects.get()
    assert work.scheduled_for == datetime(2030, 1, 2, 21, tzinfo=UTC)
    assert work.scheduled_until == datetime(2030, 1, 2, 22, 30, tzinfo=UTC)
    assert (work.phase, work.auto_start, work.auto_complete) == (Phase.SCHEDULED, True, False)
    assert [row.component.slug for row in work.updates.get().affected.all()] == ["mail"]


@pytest.mark.parametrize("wrong", ["tomorrow", "2030-02-30 22:00", "9999-12-31 23:59", "2030-03-31 02:30", ""])
def test_times_that_do_not_exist_are_refused(maintenance: Terminal, wrong: str) -> None:
    code, said = maintenance.refusal(*SCHEDULE, "--from", wrong, "--until", "2031-01-01 12:00")
    assert (code, said.startswith(f"{wrong}: ")) == (2, True)


def test_an_end_before_the_start_is_refused_by_its_option(maintenance: Terminal) -> None:
    refusal = maintenance.refusal(*SCHEDULE, "--from", "2030-01-02 22:00", "--until", "2030-01-02 21:00")
    assert refusal == (1, "--until: The planned end must come after the planned start.")


def test_the_work_starts_is_checked_and_is_completed(
    maintenance: Terminal, work: Incident, clock: time_machine.Traveller
) -> None:
    component = work.updates.get().affected.get().component
    seen = []
    for step in (["start"], ["update", "--phase", "verifying"], ["complete"]):
        maintenance.run(step[0], work.pk, *TEXT, *step[1:])
        clock.shift(timedelta(minutes=1))
        component.refresh_from_db()
        seen.append((Incident.objects.get().phase, component.status))
    under, fine = ComponentStatus.UNDER_MAINTENANCE, ComponentStatus.OPERATIONAL
    assert seen == [(Phase.IN_PROGRESS, under), (Phase.VERIFYING, under), (Phase.COMPLETED, fine)]


def test_update_that_reports_the_start_affects_the_planned_components(maintenance: Terminal, work: Incident) -> None:
    maintenance.run("update", work.pk, *TEXT, "--phase", "in_progress")
    component = work.updates.earliest("created_at").affected.get().component
    assert component.status == ComponentStatus.UNDER_MAINTENANCE


def test_cancel_ends_it(maintenance: Terminal, work: Incident) -> None:
    assert maintenance.run("cancel", work.pk, *TEXT).startswith(f"Cancelled: {work.pk} “Disk replacement”, Cancelled")


def test_a_step_that_is_not_possible_is_refused(maintenance: Terminal, work: Incident) -> None:
    assert maintenance.refusal("complete", work.pk, *TEXT) == (
        1,
        "phase: From “Scheduled” this step is not possible.",
    )


def test_move_notifies_of_both_times_and_needs_no_text(maintenance: Terminal, work: Incident) -> None:
    said = maintenance.run("move", work.pk, "--until", (NOON + timedelta(hours=6)).isoformat())
    work.refresh_from_db()
    assert work.scheduled_until == NOON + timedelta(hours=6)
    assert "New time: " in Update.objects.latest("created_at").text["en"]
    assert f"To cancel until then: manage.py maintenance undo {work.pk}" in said


def test_move_without_notify_notifies_nobody(maintenance: Terminal, work: Incident) -> None:
    said = maintenance.run("move", work.pk, "--until", (NOON + timedelta(hours=6)).isoformat(), "--no-notify")
    work.refresh_from_db()
    assert work.scheduled_until == NOON + timedelta(hours=6)
    assert "Subscribers are not notified." in said
    assert not Announcement.objects.exists()
    assert work.updates.count() == 1


def test_move_back_within_the_hold_notifies_nobody(
    maintenance: Terminal, work: Incident, clock: time_machine.Traveller
) -> None:
    maintenance.run("move", work.pk, "--until", (NOON + timedelta(hours=6)).isoformat())
    clock.shift(timedelta(seconds=10))
    said = maintenance.run("move", work.pk, "--until", (NOON + timedelta(hours=4)).isoformat())
    assert "Subscribers are not notified." in said
    assert not Announcement.objects.held().exists()


def test_dry_run_of_a_move_changes_nothing(maintenance: Terminal, work: Incident) -> None:
    said = maintenance.run("move", work.pk, "--until", (NOON + timedelta(hours=6)).isoformat(), "--dry-run")
    work.refresh_from_db()
    assert (work.scheduled_until, work.updates.count()) == (NOON + timedelta(hours=4), 1)
    assert "The planned time has changed." in said


def test_draft_is_listed_and_an_incident_is_not(maintenance: Terminal) -> None:
    incident = make_incident()
    maintenance.run(*SCHEDULE, "--from", "2030-01-02 22:00", "--until", "2030-01-02 23:00", "--draft")
    assert "Scheduled (draft)" in maintenance.run("list")
    assert incident.pk not in maintenance.said
    code, said = maintenance.refusal("show", incident.pk)
    assert (code, said) == (2, f"{incident.pk} is of the other kind: manage.py incident shows and changes it.")


def test_titles_have_both_languages(maintenance: Terminal) -> None:
    maintenance.run(*SCHEDULE, "--from", "2030-01-02 22:00", "--until", "2030-01-02 23:00")
    assert Incident.objects.get().title == Text(da="Nye diske", en="New disks")
