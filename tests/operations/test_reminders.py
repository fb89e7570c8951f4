"""Subscribers are reminded of planned maintenance, each once and only if it is news to them."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone, translation
from pytest_django import DjangoAssertNumQueries, Settings

from incidents import operations, scheduler
from incidents.models import Announcement, AuditEntry, Delivery, DeliveryState, Incident, Reminder, Subscriber
from incidents.notifications import release
from incidents.notifications.ledger import claims, holders
from incidents.notifications.messages import email, payloads
from incidents.notifications.messages.content import MessageContent
from incidents.publishing.store import changes
from incidents.staff.actors import SCHEDULER
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import make_component, make_maintenance, make_page, make_subscriber
from tests.support.log_ins import NOON

DAY, HOUR, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)
START = NOON + 10 * DAY
HOLD = timedelta(seconds=20)
WHEN = ("remind_week_before", "remind_day_before", "remind_hour_before")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock", "public_store")]


def planned(*names: str, start: timedelta = 10 * DAY, **fields: object) -> Incident:
    chosen = {name: name in (names or WHEN) for name in WHEN}
    return make_maintenance(start=NOON + start, end=NOON + start + 2 * HOUR, **{**chosen, **fields})  # type: ignore[arg-type]


def run() -> list[timedelta]:
    """Run the chore twice, and return how long before the start each reminder was due."""
    scheduler.remind_of_maintenance()
    scheduler.remind_of_maintenance()
    return list(Reminder.objects.order_by("pk").values_list("before", flat=True))


def reminded(clock: time_machine.Traveller) -> Announcement:
    """Let the newest reminder out of its hold."""
    changes.repair()
    clock.shift(HOLD + SECOND)
    release.release_due(timezone.now())
    return Announcement.objects.filter(reason="reminder").latest("pk")


def test_each_reminder_is_announced_once_at_its_time(clock: time_machine.Traveller) -> None:
    planned()
    found = []
    for before in (7 * DAY, DAY, HOUR):
        clock.move_to(START - before - SECOND)
        early = run()
        clock.move_to(START - before)
        found.append((len(early), run()))
    assert found == [(0, [7 * DAY]), (1, [7 * DAY, DAY]), (2, [7 * DAY, DAY, HOUR])]
    clock.move_to(START)
    assert len(run()) == Announcement.objects.filter(reason="reminder").count() == 3
    entries = AuditEntry.objects.filter(operation="remind_of_maintenance", actor_name="scheduler")
    assert entries.count() == 3


def test_second_scheduler_announces_nothing(clock: time_machine.Traveller) -> None:
    seen_by_both = planned()
    clock.move_to(START - DAY)
    assert operations.remind_of_maintenance(incident=seen_by_both, by=SCHEDULER)
    assert operations.remind_of_maintenance(incident=seen_by_both, by=SCHEDULER) is False
    assert Reminder.objects.count() == 1


def test_late_scheduler_announces_only_the_nearest(clock: time_machine.Traveller) -> None:
    planned()
    clock.move_to(START - 5 * HOUR)
    assert run() == [DAY]


def test_reminder_whose_time_passed_before_the_announcement_is_not_due(clock: time_machine.Traveller) -> None:
    planned(start=3 * DAY)
    assert run() == []
    clock.move_to(NOON + 2 * DAY)
    assert run() == [DAY]


def test_nothing_is_announced_of_maintenance_without_reminders_or_of_drafts(clock: time_machine.Traveller) -> None:
    make_maintenance(start=START, end=START + HOUR, **dict.fromkeys(WHEN, False))  # type: ignore[arg-type]
    operations.withdraw(incident=planned(), by=ANYBODY)
    clock.move_to(START - HOUR)
    assert run() == []


def test_setting_chooses_the_reminders_of_new_maintenance(settings: Settings) -> None:
    settings.MAINTENANCE_REMINDERS = ["7d", "1h"]
    incident = make_maintenance(start=START, end=START + HOUR)
    assert [getattr(incident, name) for name in WHEN] == [True, False, True]
    settings.MAINTENANCE_REMINDERS = ["none"]
    incident = make_maintenance(start=START, end=START + HOUR)
    assert [getattr(incident, name) for name in WHEN] == [False, False, False]


@pytest.mark.parametrize("step", ["start", "cancel"])
def test_started_and_cancelled_maintenance_is_not_announced(clock: time_machine.Traveller, step: str) -> None:
    incident = planned()
    clock.shift(SECOND)
    verb = {"start": operations.start_maintenance, "cancel": operations.cancel_maintenance}[step]
    verb(incident=incident, text=Text(da="Nu.", en="Now."), by=ANYBODY)
    clock.move_to(START - HOUR)
    assert run() == []


@pytest.mark.parametrize("quietly", [False, True])
def test_moved_maintenance_is_announced_before_its_new_time(clock: time_machine.Traveller, quietly: bool) -> None:
    incident = planned("remind_day_before")
    clock.move_to(START - DAY)
    assert run() == [DAY]
    later = {"scheduled_for": START + 3 * DAY, "scheduled_until": START + 3 * DAY + HOUR}
    verb = operations.edit_incident if quietly else operations.move_maintenance
    verb(incident=incident, details=later, by=ANYBODY)  # type: ignore[arg-type]
    clock.move_to(START + 2 * DAY - SECOND)
    assert run() == [DAY]
    clock.move_to(START + 2 * DAY)
    assert run() == [DAY, DAY]
    assert [one.planned_start for one in Reminder.objects.all()] == [START, START + 3 * DAY]


def test_those_who_were_notified_within_the_last_hour_are_not_reminded(clock: time_machine.Traveller) -> None:
    incident = planned("remind_hour_before", start=3 * HOUR)
    knows, waits, earlier, never = (make_subscriber(f"{name}@example.dk") for name in ("a", "b", "c", "d"))
    for at, rows in ((80, [(earlier, DeliveryState.SENT)]), (110, [(knows, DeliveryState.SENT), (waits, "queued")])):
        clock.move_to(NOON + timedelta(minutes=at))
        news = Announcement.objects.create(
            update=incident.updates.get(), reason="correction", hold_until=NOON, expanded_at=timezone.now()
        )
        for subscriber, state in rows:
            sent_at = timezone.now() if state == DeliveryState.SENT else None
            Delivery.objects.create(
                announcement=news, subscriber=subscriber, state=state, sent_at=sent_at, created_at=timezone.now(),
                message_id=f"<{news.pk}.{subscriber.pk}>", language="da",
            )  # fmt: skip
    clock.move_to(NOON + 2 * HOUR + timedelta(minutes=25))
    Incident.objects.filter(pk=incident.pk).update(published_at=NOON)
    assert run() == [HOUR]
    found = {row.subscriber_id: row.skip_reason for row in reminded(clock).deliveries.all()}
    assert found == {knows.pk: "notified_recently", waits.pk: "notified_recently", earlier.pk: "", never.pk: ""}


def test_only_those_who_want_maintenance_of_these_components_are_reminded(clock: time_machine.Traveller) -> None:
    disk, mail = make_component("disk"), make_component("mail")
    planned("remind_day_before", components=(disk,))
    wants, other_kind, other = make_subscriber(), make_subscriber(wants_maintenance=False), make_subscriber()
    wants.components.add(disk)
    other.components.add(mail)
    clock.move_to(START - DAY)
    run()
    found = {row.subscriber_id: row.skip_reason for row in reminded(clock).deliveries.all()}
    assert found == {wants.pk: "", other_kind.pk: "other_kind", other.pk: "other_components"}


def test_reminder_is_cancelled_if_the_maintenance_changes_during_the_hold(clock: time_machine.Traveller) -> None:
    incident = planned("remind_day_before")
    clock.move_to(START - DAY)
    run()
    operations.start_maintenance(incident=incident, text=Text(da="Nu.", en="Now."), notify=False, by=ANYBODY)
    assert reminded(clock).status == "cancelled"


def test_reminder_is_not_sent_once_the_maintenance_has_started(clock: time_machine.Traveller) -> None:
    planned("remind_hour_before")
    make_subscriber()
    clock.move_to(START - HOUR)
    run()
    announcement = reminded(clock)
    holder = holders.register(timezone.now())
    clock.move_to(START)
    assert claims.claim(holder, announcement.pk, 10, timezone.now()) == []
    assert announcement.deliveries.get().skip_reason == "too_late"


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("da", "Påmindelse: planlagt vedligeholdelse begynder om 1 dag"),
        ("en", "Reminder: planned maintenance starts in 1 day"),
    ],
)
def test_every_channel_says_that_it_is_a_reminder(clock: time_machine.Traveller, language: str, text: str) -> None:
    make_page()
    incident = planned("remind_day_before")
    clock.move_to(START - DAY + 5 * SECOND)
    run()
    announcement = reminded(clock)
    with translation.override(language):
        assert text in email.preview(announcement, language)[1]
    for channel in (Subscriber.Channel.SLACK, Subscriber.Channel.TEAMS):
        assert text in payloads.render(channel, "update", language, announcement).body.decode()
    hook = payloads.render(Subscriber.Channel.WEBHOOK, "update", language, announcement).body.decode()
    assert '"scheduled_remind_prior":true' in hook
    assert '"scheduled_reminded_at":"2' in hook
    assert incident.pk in hook


def test_late_reminder_says_how_long_is_left(clock: time_machine.Traveller) -> None:
    planned("remind_day_before")
    clock.move_to(START - 19 * HOUR)
    run()
    with translation.override("en"):
        assert MessageContent(reminded(clock), "en").reminder.endswith("starts in 19 hours")


def test_held_reminder_does_not_replace_a_correction(clock: time_machine.Traveller) -> None:
    incident = planned("remind_day_before")
    clock.move_to(START - DAY)
    run()
    operations.correct_update(
        update=incident.updates.get(), text=Text(da="Rettet.", en="Corrected."), notify=True, by=ANYBODY
    )
    assert list(Announcement.objects.order_by("pk").values_list("reason", flat=True)) == ["reminder", "correction"]


def test_looking_for_reminders_takes_one_query(
    clock: time_machine.Traveller, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(5):
        planned(start=(10 + number) * DAY)
    with django_assert_num_queries(1):
        scheduler.remind_of_maintenance()


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("da", "Tidspunkt for arbejdet: den 6. december 2026 kl. 13.00–15.00 CET"),
        ("en", "Maintenance window: 6 December 2026, 13:00–15:00 CET"),
    ],
)
def test_email_about_cancelled_maintenance_has_its_planned_time(
    clock: time_machine.Traveller, language: str, line: str
) -> None:
    make_page()
    incident = planned()
    clock.shift(SECOND)
    update = operations.cancel_maintenance(incident=incident, text=Text(da="Nej.", en="No."), by=ANYBODY)
    with translation.override(language):
        assert line in email.preview(update.announcements.get(), language)[1]
