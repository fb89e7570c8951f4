from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError

from incidents import operations
from incidents.models import Announcement, Incident, Update
from incidents.operations import Statement
from incidents.status import Phase
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import make_incident, make_statement, make_update

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def test_corrected_update_keeps_the_earlier_text_and_says_when() -> None:
    update = make_incident().updates.get()
    operations.correct_update(by=ANYBODY, update=update, text=Text(da="Rettet.", en="Corrected."))
    update.refresh_from_db()
    assert update.text == {"da": "Rettet.", "en": "Corrected."}
    assert update.corrected_at == NOW
    assert update.revisions.get().text["en"] == "We have found the fault."
    assert not Announcement.objects.exists()


def test_correction_that_tells_is_announced_after_the_update_itself() -> None:
    update = make_incident(statement=make_statement(notify=True)).updates.get()
    Announcement.objects.update(expanded_at=NOW)
    operations.correct_update(by=ANYBODY, update=update, text=Text(en="Corrected."), notify=True)
    assert sorted(Announcement.objects.values_list("reason", flat=True)) == ["correction", "update"]


def test_correction_of_an_update_still_held_is_not_told_twice() -> None:
    update = make_incident(statement=make_statement(notify=True)).updates.get()
    operations.correct_update(by=ANYBODY, update=update, text=Text(en="Corrected."), notify=True)
    assert Announcement.objects.get().reason == "update"


def test_correction_of_a_withdrawn_incident_is_told_to_nobody() -> None:
    incident = make_incident(statement=make_statement(notify=True))
    operations.withdraw(by=ANYBODY, incident=incident)
    operations.correct_update(by=ANYBODY, update=incident.updates.get(), text=Text(en="Corrected."), notify=True)
    assert not Announcement.objects.filter(cancelled_at=None).exists()


def test_correction_that_changes_nothing_leaves_no_trace() -> None:
    update = make_incident().updates.get()
    operations.correct_update(by=ANYBODY, update=update, text=update.text, notify=True)
    update.refresh_from_db()
    assert update.corrected_at is None
    assert not update.revisions.exists()
    assert not Announcement.objects.exists()


def test_correction_cannot_empty_an_update() -> None:
    update = make_incident().updates.get()
    with pytest.raises(ValidationError) as error:
        operations.correct_update(by=ANYBODY, update=update, text=Text())
    assert set(error.value.message_dict) == {"text"}
    update.refresh_from_db()
    assert update.text


def test_quote_must_say_its_language() -> None:
    with pytest.raises(ValidationError) as error:
        make_update(make_incident(), quote="Some users may see delays.")
    assert set(error.value.message_dict) == {"quote_language"}


def test_hundred_kilobyte_text_is_refused_with_both_lengths() -> None:
    with pytest.raises(ValidationError) as error:
        make_update(make_incident(), text=Text(da="æ" * 100_000))
    assert "100000" in str(error.value).replace(".", "").replace(",", "")
    assert Update.objects.count() == 1


def test_scheduled_update_takes_its_planned_time_when_it_is_published(clock: time_machine.Traveller) -> None:
    incident = make_incident()
    update = make_update(incident, publish_at=NOW + timedelta(hours=1))
    clock.move_to(NOW + timedelta(hours=1, seconds=3))
    assert list(Update.objects.due(NOW + timedelta(hours=1))) == [update]
    operations.publish_draft(by=ANYBODY, update=update)
    update.refresh_from_db()
    incident.refresh_from_db()
    assert update.is_public
    assert update.at == NOW + timedelta(hours=1)
    assert incident.phase == Phase.MITIGATED


def test_scheduled_update_published_early_is_said_now(clock: time_machine.Traveller) -> None:
    incident = make_incident()
    update = make_update(incident, publish_at=NOW + timedelta(hours=5))
    clock.shift(60)
    operations.publish_draft(by=ANYBODY, update=update)
    clock.shift(60)
    operations.resolve(by=ANYBODY, incident=incident, text=Text(en="Over."), notify=False)
    update.refresh_from_db()
    incident.refresh_from_db()
    assert update.at == NOW + timedelta(minutes=1)
    assert incident.phase == Phase.RESOLVED


def test_update_put_off_meanwhile_is_not_published_by_the_clock() -> None:
    update = make_update(make_incident(), publish_at=NOW + timedelta(hours=1))
    assert not operations.publish_due(update=update)
    assert update not in Update.objects.public()


def test_end_written_into_a_draft_is_kept_until_it_is_published(clock: time_machine.Traveller) -> None:
    incident = make_incident(started_at=NOW - timedelta(hours=6))
    over = NOW - timedelta(hours=2)
    statement = make_statement(Phase.RESOLVED, ended_at=over)
    draft = operations.post_update(by=ANYBODY, incident=incident, statement=statement, draft=True)
    clock.shift(timedelta(hours=1))
    operations.publish_draft(by=ANYBODY, update=draft)
    incident.refresh_from_db()
    assert incident.ended_at == over


def test_source_of_a_quote_can_be_corrected_and_the_earlier_one_is_kept() -> None:
    statement = make_statement(quote="All is well.", quote_language="en", quote_url="https://wrong.example/")
    update = make_incident(statement=statement).updates.get()
    operations.correct_update(by=ANYBODY, update=update, text=update.text, quote_url="https://right.example/")
    update.refresh_from_db()
    assert update.quote_url == "https://right.example/"
    assert update.revisions.get().quote_url == "https://wrong.example/"


def test_public_update_is_not_published_a_second_time() -> None:
    update = make_incident(statement=make_statement(notify=True)).updates.get()
    with pytest.raises(ValidationError):
        operations.publish_draft(by=ANYBODY, update=update)
    assert Announcement.objects.count() == 1


def test_edited_draft_replaces_its_words_and_stays_a_draft() -> None:
    incident = make_incident(draft=True)
    operations.edit_draft(
        by=ANYBODY,
        update=incident.updates.get(),
        statement=Statement(phase=Phase.INVESTIGATING, text=Text(da="Vi undersøger.")),
    )
    draft = incident.updates.get()
    assert draft.text == {"da": "Vi undersøger."}
    assert not draft.is_public


def test_discarding_the_only_draft_takes_the_draft_incident_along() -> None:
    incident = make_incident(draft=True)
    operations.discard_draft(by=ANYBODY, update=incident.updates.get())
    assert not Incident.objects.exists()


def test_unknown_component_is_refused() -> None:
    with pytest.raises(ValidationError) as error:
        make_update(make_incident(), components={"nosuchcompon": "operational"})
    assert set(error.value.message_dict) == {"components"}
    assert Update.objects.count() == 1


def test_draft_published_later_carries_the_time_it_was_said(clock: time_machine.Traveller) -> None:
    draft = make_incident(draft=True).updates.get()
    clock.shift(timedelta(hours=2))
    operations.publish_draft(by=ANYBODY, update=draft)
    draft.refresh_from_db()
    assert draft.at == NOW + timedelta(hours=2)


def test_backdated_draft_keeps_its_time(clock: time_machine.Traveller) -> None:
    incident = make_incident(started_at=NOW - timedelta(days=1))
    draft = operations.post_update(
        by=ANYBODY, incident=incident, statement=make_statement(at=NOW - timedelta(hours=3)), draft=True
    )
    clock.shift(timedelta(hours=2))
    operations.publish_draft(by=ANYBODY, update=draft)
    draft.refresh_from_db()
    assert draft.at == NOW - timedelta(hours=3)
