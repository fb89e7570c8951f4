"""Planned work that moves: subscribers are notified once, of the former and the new time."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.utils import timezone, translation

from incidents import operations
from incidents.models import Announcement, Component, Incident, Update
from incidents.notifications.messages.content import MessageContent
from incidents.operations import Details
from incidents.operations.moves import move_of
from incidents.status import Phase
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import make_component, make_incident, make_maintenance, make_page, make_update

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
START, END = NOW + timedelta(days=2), NOW + timedelta(days=2, hours=3)
LATER = timedelta(days=1)
NEW: Details = {"scheduled_for": START + LATER, "scheduled_until": END + LATER}

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        make_page()
        yield traveller


@pytest.fixture
def disk() -> Component:
    return make_component("disk")


@pytest.fixture
def maintenance(disk: Component, clock: time_machine.Traveller) -> Incident:
    planned = make_maintenance(start=START, end=END, components=(disk,))
    clock.shift(timedelta(minutes=1))
    return planned


def moved(maintenance: Incident, details: Details = NEW, text: Text | None = None) -> Update:
    update = operations.move_maintenance(by=ANYBODY, incident=maintenance, details=details, text=text)
    assert update is not None
    maintenance.refresh_from_db()
    return update


def window(maintenance: Incident) -> tuple[datetime | None, datetime | None]:
    maintenance.refresh_from_db()
    return maintenance.scheduled_for, maintenance.scheduled_until


def test_move_is_an_update_with_the_former_and_the_new_time_in_each_language(maintenance: Incident) -> None:
    update = moved(maintenance, text=Text(en="The disk is late."))
    assert window(maintenance) == (START + LATER, END + LATER)
    assert maintenance.started_at == START + LATER
    assert (update.phase, update.notify, update.is_public) == (Phase.SCHEDULED, True, True)
    assert update.text["en"] == (
        "The planned time has changed.\n\n- New time: 5 March 2026, 13:00–16:00 CET\n"
        "- Former time: 4 March 2026, 13:00–16:00 CET\n\nThe disk is late."
    )
    assert update.text["da"] == (
        "Det planlagte tidspunkt er ændret.\n\n- Nyt tidspunkt: den 5. marts 2026 kl. 13.00–16.00 CET\n"
        "- Tidligere tidspunkt: den 4. marts 2026 kl. 13.00–16.00 CET"
    )


def test_move_is_announced_once_with_its_hold(maintenance: Incident) -> None:
    update = moved(maintenance)
    announcement = Announcement.objects.get()
    assert announcement.update == update
    assert announcement.hold_until > timezone.now()
    with pytest.raises(ValidationError, match="allerede"):
        operations.move_maintenance(by=ANYBODY, incident=maintenance, details=NEW)
    assert Announcement.objects.count() == 1


def test_second_move_within_the_hold_replaces_the_first_one(
    maintenance: Incident, clock: time_machine.Traveller
) -> None:
    moved(maintenance)
    clock.shift(timedelta(seconds=20))
    update = moved(maintenance, {"scheduled_until": END + LATER + timedelta(hours=1)})
    assert list(maintenance.updates.filter(report__has_key="moved")) == [update]
    assert Announcement.objects.held().get().update == update
    assert "Former time: 4 March 2026, 13:00–16:00 CET" in update.text["en"]
    assert "New time: 5 March 2026, 13:00–17:00 CET" in update.text["en"]


def test_move_back_within_the_hold_notifies_nobody(maintenance: Incident, clock: time_machine.Traveller) -> None:
    moved(maintenance)
    clock.shift(timedelta(seconds=20))
    back: Details = {"scheduled_for": START, "scheduled_until": END}
    assert operations.move_maintenance(by=ANYBODY, incident=maintenance, details=back) is None
    assert window(maintenance) == (START, END)
    assert not Announcement.objects.exists()
    assert maintenance.updates.count() == 1


def test_move_after_the_hold_is_announced_too(maintenance: Incident, clock: time_machine.Traveller) -> None:
    moved(maintenance)
    Announcement.objects.update(expanded_at=timezone.now())
    clock.shift(timedelta(minutes=5))
    update = moved(maintenance, {"scheduled_until": END + 2 * LATER})
    assert "Former time: 5 March 2026" in update.text["en"]
    assert Announcement.objects.count() == 2


def test_undone_move_moves_back_and_published_again_moves(maintenance: Incident, clock: time_machine.Traveller) -> None:
    update = moved(maintenance)
    operations.undo_update(by=ANYBODY, update=update)
    assert window(maintenance) == (START, END)
    assert maintenance.started_at == START
    clock.shift(timedelta(minutes=1))
    update.refresh_from_db()
    operations.publish_draft(by=ANYBODY, update=update)
    assert window(maintenance) == (START + LATER, END + LATER)


def test_draft_of_a_move_is_refused_once_the_time_is_another(maintenance: Incident) -> None:
    update = moved(maintenance)
    operations.undo_update(by=ANYBODY, update=update)
    operations.edit_incident(by=ANYBODY, incident=maintenance, details={"scheduled_until": END + timedelta(hours=1)})
    update.refresh_from_db()
    with pytest.raises(ValidationError, match="andet planlagt"):
        operations.publish_draft(by=ANYBODY, update=update)


def test_undo_leaves_a_time_that_was_changed_since(maintenance: Incident) -> None:
    update = moved(maintenance)
    operations.edit_incident(by=ANYBODY, incident=maintenance, details={"scheduled_until": END + 2 * LATER})
    operations.undo_update(by=ANYBODY, update=update)
    assert window(maintenance) == (START + LATER, END + 2 * LATER)


def test_scheduled_updates_move_with_the_planned_time(maintenance: Incident) -> None:
    texts = {"text": Text(da="Nu.", en="Now.")}
    reminder = make_update(maintenance, Phase.SCHEDULED, publish_at=START - timedelta(hours=1), **texts)
    begin = make_update(maintenance, Phase.IN_PROGRESS, publish_at=START, **texts)
    done = make_update(maintenance, Phase.COMPLETED, publish_at=END, **texts)
    moved(maintenance, {"scheduled_for": START + LATER, "scheduled_until": END + 2 * LATER})
    for update in (reminder, begin, done):
        update.refresh_from_db()
    assert reminder.publish_at == START + LATER - timedelta(hours=1)
    assert begin.publish_at == START + LATER
    assert done.publish_at == END + 2 * LATER
    operations.edit_incident(by=ANYBODY, incident=maintenance, details={"scheduled_for": START})
    begin.refresh_from_db()
    assert begin.publish_at == START


def test_scheduled_update_that_would_be_due_keeps_its_time(maintenance: Incident) -> None:
    update = make_update(maintenance, Phase.SCHEDULED, publish_at=NOW + timedelta(hours=1))
    moved(maintenance, {"scheduled_for": START - timedelta(hours=30)})
    update.refresh_from_db()
    assert update.publish_at == NOW + timedelta(hours=1)


def test_end_of_work_in_progress_can_be_moved(maintenance: Incident, clock: time_machine.Traveller) -> None:
    clock.move_to(START)
    operations.start_maintenance(by=ANYBODY, incident=maintenance, text=Text(da="Vi går i gang."), notify=False)
    clock.shift(timedelta(hours=1))
    update = moved(maintenance, {"scheduled_until": END + timedelta(hours=2)})
    assert update.phase == Phase.IN_PROGRESS
    assert maintenance.started_at == START


def test_other_details_are_changed_with_it(maintenance: Incident) -> None:
    moved(maintenance, {**NEW, "title": Text(da="Ny disk")})
    assert maintenance.title == Text(da="Ny disk")


@pytest.mark.parametrize(
    ("details", "field"),
    [
        ({"scheduled_until": START}, "scheduled_until"),
        ({"scheduled_for": NOW - 2 * LATER, "scheduled_until": NOW - LATER}, "scheduled_until"),
        ({"scheduled_until": END}, "scheduled_for"),
    ],
)
def test_impossible_time_is_refused_and_changes_nothing(maintenance: Incident, details: Details, field: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        operations.move_maintenance(by=ANYBODY, incident=maintenance, details=details)
    assert list(refusal.value.message_dict) == [field]
    assert window(maintenance) == (START, END)
    assert maintenance.updates.count() == 1


def test_what_is_over_no_maintenance_or_not_public_cannot_be_moved(maintenance: Incident) -> None:
    operations.withdraw(by=ANYBODY, incident=maintenance)
    for one in (maintenance, make_incident()):
        with pytest.raises(ValidationError, match="ikke er slut"):
            operations.move_maintenance(by=ANYBODY, incident=one, details=NEW)
    operations.publish_again(by=ANYBODY, incident=maintenance)
    operations.cancel_maintenance(by=ANYBODY, incident=maintenance, text=Text(da="Aflyst."), notify=False)
    with pytest.raises(ValidationError, match="ikke er slut"):
        operations.move_maintenance(by=ANYBODY, incident=maintenance, details=NEW)


@pytest.mark.parametrize("language", ["da", "en"])
def test_email_has_both_times_and_no_second_line_about_the_end(maintenance: Incident, language: str) -> None:
    announcement = Announcement.objects.create(
        update=maintenance.updates.get(), hold_until=NOW, expanded_at=NOW, reason=Announcement.Reason.UPDATE
    )
    update = moved(maintenance)
    announcement = Announcement.objects.get(update=update)
    with translation.override(language), timezone.override("Europe/Copenhagen"):
        content = MessageContent(announcement, language)
        assert content.new_end is None
        for time in {"da": ("den 4. marts", "den 5. marts"), "en": ("4 March", "5 March")}[language]:
            assert time in content.newest.text.plain
        assert {"da": "den 5. marts", "en": "5 March"}[language] in content.window


def test_move_is_recorded_for_later(maintenance: Incident) -> None:
    update = moved(maintenance)
    move = move_of(Update.objects.get(pk=update.pk))
    assert move is not None
    assert (move.before.start, move.after.end) == (START, END + LATER)
