"""Updates record which texts of the report were given or changed with them."""

from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.utils import timezone

from harness.deliveries import release_held
from incidents import operations
from incidents.models import Announcement, Incident, Update
from incidents.models.announcements import AnnouncementQuerySet
from incidents.status import Phase, RootCauseStatus
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import make_incident, make_maintenance, make_statement, make_update

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
WAIT, RETRY = Text(da="Vent.", en="Wait."), Text(da="Prøv igen.", en="Try again.")


def opened(**details: Any) -> Incident:
    return make_incident(statement=make_statement(notify=True), **details)


def edited(incident: Incident, **details: Any) -> None:
    operations.edit_incident(by=ANYBODY, incident=incident, details=details)  # type: ignore[arg-type]


def posted(incident: Incident, phase: Phase = Phase.MITIGATED, **fields: Any) -> Update:
    return make_update(incident, phase, **{"notify": True, **fields})


def released() -> None:
    """The hold of what has been posted so far is over."""
    release_held(timezone.now() + HOUR)


def names(update: Update) -> set[str]:
    return set(Update.objects.get(pk=update.pk).report)


def text(update: Update, name: str) -> Text:
    return Text(Update.objects.get(pk=update.pk).report[name]["text"])


def test_opening_update_records_everything_that_was_given() -> None:
    incident = opened(workaround=WAIT, scope=Text(da="Alle"))
    assert names(incident.updates.get()) == {"workaround", "scope"}
    assert text(incident.updates.get(), "workaround") == WAIT


def test_update_records_what_was_changed_since_the_last_one() -> None:
    incident = opened(workaround=WAIT, scope=Text(da="Alle"))
    released()
    edited(incident, workaround=RETRY)
    assert text(posted(incident), "workaround") == RETRY
    assert names(incident.updates.newest_first()[0]) == {"workaround"}


def test_update_that_changes_nothing_records_nothing() -> None:
    incident = opened(workaround=WAIT)
    released()
    assert names(posted(incident)) == set()


def test_new_status_of_the_root_cause_is_a_change() -> None:
    incident = opened(root_cause=Text(en="A disk."), root_cause_status=RootCauseStatus.PRELIMINARY)
    released()
    edited(incident, root_cause_status=RootCauseStatus.FINAL)
    update = posted(incident)
    assert update.report["root_cause"] == {"text": {"en": "A disk."}, "status": "final"}


def test_removed_text_that_is_written_again_counts_as_given() -> None:
    incident = opened(workaround=WAIT)
    released()
    edited(incident, workaround=Text())
    assert posted(incident).report == {"workaround": {}}
    released()
    edited(incident, workaround=WAIT)
    assert text(posted(incident), "workaround") == WAIT


def test_changes_of_an_update_without_announcement_are_in_the_next_one_with() -> None:
    incident = opened()
    released()
    edited(incident, workaround=WAIT)
    posted(incident, notify=False)
    assert names(posted(incident)) == {"workaround"}


def test_changes_of_a_cancelled_announcement_are_in_the_next_one() -> None:
    incident = opened()
    released()
    edited(incident, workaround=WAIT)
    posted(incident)
    operations.cancel_announcement(by=ANYBODY, announcement=Announcement.objects.latest("id"))
    assert names(posted(incident)) == {"workaround"}


def test_update_that_is_undone_records_nothing_and_is_recorded_when_published_again() -> None:
    incident = opened()
    released()
    edited(incident, workaround=WAIT)
    draft = operations.undo_update(by=ANYBODY, update=posted(incident))
    assert names(draft) == set()
    assert names(operations.publish_draft(by=ANYBODY, update=draft)) == {"workaround"}


def test_edit_during_the_hold_belongs_to_the_update_that_is_held() -> None:
    incident = opened()
    edited(incident, workaround=WAIT)
    assert names(incident.updates.get()) == {"workaround"}
    released()
    assert names(posted(incident)) == set()


def test_texts_are_compared_as_they_are_stored() -> None:
    incident = opened(scope=Text(da="Alle\r\nkunder"))
    edited(incident, workaround=Text(da="Vent.\r\n\r\nSå prøv igen.\x00"))
    assert text(incident.updates.get(), "workaround") == Text(da="Vent.\n\nSå prøv igen.")
    released()
    assert names(posted(incident)) == set()


def test_edit_while_the_announcement_is_released_does_not_wait() -> None:
    """The release of an announcement to many subscribers takes seconds, and holds its row."""
    incident = opened()
    with mock.patch.object(AnnouncementQuerySet, "select_for_update", autospec=True) as locking:
        locking.return_value = Announcement.objects.none()
        edited(incident, workaround=WAIT)
    assert locking.call_args.kwargs == {"skip_locked": True}
    released()
    assert names(posted(incident)) == {"workaround"}


def test_edit_after_the_hold_belongs_to_the_next_update() -> None:
    incident = opened()
    released()
    edited(incident, workaround=WAIT)
    assert names(incident.updates.get()) == set()
    assert names(posted(incident)) == {"workaround"}


def test_announced_correction_carries_the_present_texts() -> None:
    incident = opened(workaround=WAIT, scope=Text(da="Alle"))
    update = incident.updates.get()
    released()
    edited(incident, workaround=RETRY, next_steps=Text(da="Flere diske."))
    operations.correct_update(by=ANYBODY, update=update, text=Text(da="Rettet."), notify=True)
    assert names(update) == {"workaround", "scope", "next_steps"}
    assert text(update, "workaround") == RETRY
    released()
    assert names(posted(incident)) == set()


def test_correction_without_announcement_keeps_the_record() -> None:
    incident = opened(workaround=WAIT)
    released()
    edited(incident, workaround=RETRY)
    operations.correct_update(by=ANYBODY, update=incident.updates.get(), text=Text(da="Rettet."))
    assert text(incident.updates.get(), "workaround") == WAIT
    assert names(posted(incident)) == {"workaround"}


def test_correction_of_an_older_update_keeps_its_record() -> None:
    incident = opened(workaround=WAIT)
    first = incident.updates.get()
    released()
    edited(incident, workaround=RETRY)
    posted(incident)
    released()
    operations.correct_update(by=ANYBODY, update=first, text=Text(da="Rettet."), notify=True)
    assert text(first, "workaround") == WAIT


def test_backdated_update_carries_what_was_written_before_it_was_published() -> None:
    incident = opened(started_at=timezone.now() - 9 * HOUR)
    released()
    edited(incident, workaround=WAIT)
    assert names(posted(incident, at=timezone.now() - 3 * HOUR)) == {"workaround"}
    assert names(posted(incident)) == set()


def test_reopened_incident_repeats_nothing() -> None:
    incident = opened(root_cause=Text(da="En disk."))
    operations.resolve(by=ANYBODY, incident=incident, text=Text(da="Løst."), notify=True)
    released()
    incident.refresh_from_db()
    again = operations.reopen(by=ANYBODY, incident=incident, statement=make_statement(Phase.INVESTIGATING, notify=True))
    assert names(again) == set()


def test_scheduled_update_records_what_is_true_when_it_is_published() -> None:
    incident = opened()
    released()
    update = posted(incident, publish_at=timezone.now() + HOUR)
    edited(incident, workaround=WAIT)
    assert names(update) == set()
    assert names(operations.publish_draft(by=ANYBODY, update=update)) == {"workaround"}


def test_new_planned_end_is_recorded_with_the_former_one() -> None:
    start = timezone.now() + HOUR
    work = make_maintenance(start=start, end=start + HOUR)
    Update.objects.filter(incident=work).delete()
    posted(work, Phase.SCHEDULED)
    released()
    edited(work, scheduled_until=start + 3 * HOUR)
    report = posted(work, Phase.IN_PROGRESS).report
    times = {name: entry["time"] for name, entry in report.items()}
    assert times == {"planned_end": (start + 3 * HOUR).isoformat(), "former_end": (start + HOUR).isoformat()}
