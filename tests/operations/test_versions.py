"""Every state of a draft or of details that was saved is kept as a version, by the verb that saves it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.utils import timezone

from incidents import operations
from incidents.models import Incident, Update, Version
from incidents.operations.versions import KEPT
from incidents.staff.actors import person
from incidents.status import ComponentStatus, Phase
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import make_component, make_incident, make_maintenance, make_statement, make_update

pytestmark = pytest.mark.django_db


@pytest.fixture
def ida(db: None) -> Any:
    return get_user_model().objects.create_superuser("ida")


def draft_of(incident: Incident, text: str = "First", **options: Any) -> Update:
    return operations.post_update(
        incident=incident, statement=make_statement(text=Text(en=text)), draft=True, **{"by": ANYBODY, **options}
    )


def texts(update: Update) -> list[str]:
    return [one.snapshot["text_en"] for one in update.versions.all()]


def details_versions(incident: Incident, name: str) -> list[str]:
    return [one.snapshot[name] for one in incident.versions.filter(update=None)]


def rewrite(update: Update, text: str, **options: Any) -> Update:
    statement = make_statement(text=Text(en=text), **options.pop("fields", {}))
    return operations.edit_draft(update=update, statement=statement, **{"by": ANYBODY, **options})


def test_each_saved_state_of_a_draft_is_a_version_with_its_author_and_time(ida: Any) -> None:
    incident = make_incident()
    with time_machine.travel(datetime(2026, 11, 26, 20, tzinfo=UTC), tick=False):
        draft = draft_of(incident, by=person(ida))
    with time_machine.travel(datetime(2026, 11, 26, 21, tzinfo=UTC), tick=False):
        rewrite(draft, "Second")
    newest, first = draft.versions.all()
    assert (first.number, first.snapshot["text_en"], first.saved_by, first.saved_at.hour) == (1, "First", ida, 20)
    assert (newest.number, newest.snapshot["text_en"], newest.saved_by, newest.saved_at.hour) == (2, "Second", None, 21)


def test_draft_that_is_saved_unchanged_gets_no_version() -> None:
    component = make_component()
    fields = {"components": {component.pk: ComponentStatus.MAJOR_OUTAGE}}
    draft = rewrite(draft_of(make_incident()), "First", fields=fields)
    assert texts(draft) == ["First", "First"]
    rewrite(draft, "First", fields=fields)
    assert texts(draft) == ["First", "First"]


def test_update_published_at_once_has_no_version_and_scheduled_one_has() -> None:
    incident = make_incident()
    assert not Version.objects.exists()
    scheduled = make_update(incident, publish_at=timezone.now() + timedelta(hours=1))
    assert scheduled.versions.count() == 1


def test_refused_draft_leaves_no_version() -> None:
    incident = make_incident()
    with pytest.raises(ValidationError):
        operations.post_update(by=ANYBODY, incident=incident, statement=make_statement(Phase.SCHEDULED), draft=True)
    assert not Version.objects.exists()


def test_draft_from_before_versions_keeps_its_first_text() -> None:
    draft = draft_of(make_incident())
    Version.objects.all().delete()
    rewrite(draft, "Second")
    assert texts(draft) == ["Second", "First"]


def test_versions_stay_when_a_draft_is_published_with_its_last_words() -> None:
    draft = draft_of(make_incident())
    rewrite(draft, "Published", draft=False)
    draft.refresh_from_db()
    assert draft.is_public
    assert texts(draft) == ["Published", "First"]


def test_draft_that_is_undone_and_rewritten_keeps_what_was_published() -> None:
    incident = make_incident()
    update = make_update(incident, text=Text(en="Published"), notify=True)
    rewrite(operations.undo_update(by=ANYBODY, update=update), "Rewritten")
    assert texts(update) == ["Rewritten", "Published"]


def test_discarded_draft_takes_its_versions_along() -> None:
    operations.discard_draft(by=ANYBODY, update=draft_of(make_incident()))
    assert not Version.objects.exists()


def test_newest_versions_are_kept_of_each_subject() -> None:
    incident = make_incident()
    other, draft = draft_of(incident), draft_of(incident)
    for number in range(KEPT + 2):
        rewrite(draft, f"Text {number}")
    assert len(texts(draft)) == KEPT
    assert texts(draft)[-1] == "Text 2"
    assert texts(other) == ["First"]


def test_details_before_the_first_change_are_a_version(ida: Any) -> None:
    incident = make_incident(scope=Text(en="Some"))
    operations.edit_incident(incident=incident, details={"scope": Text(en="All")}, by=person(ida))
    assert details_versions(incident, "scope_en") == ["All", "Some"]
    assert [one.saved_by for one in incident.versions.all()] == [ida, None]
    operations.edit_incident(incident=incident, details={"scope": Text(en="All")}, by=person(ida))
    assert len(details_versions(incident, "scope_en")) == 2


def test_what_updates_changed_of_the_details_is_attributed_to_nobody(ida: Any) -> None:
    incident = make_incident()
    promised = timezone.now() + timedelta(hours=1)
    operations.edit_incident(incident=incident, details={"scope": Text(en="All")}, by=person(ida))
    make_update(incident, next_update_by=promised)
    operations.edit_incident(incident=incident, details={"scope": Text(en="None")}, by=person(ida))
    by = [
        (one.saved_by, one.snapshot["scope_en"], bool(one.snapshot["next_update_by"])) for one in Version.objects.all()
    ]
    assert by == [(ida, "None", True), (None, "All", True), (ida, "All", False), (None, "", False)]


@pytest.mark.parametrize("move", [operations.move_maintenance, operations.edit_incident])
def test_move_of_maintenance_is_one_version(ida: Any, move: Callable[..., Any]) -> None:
    start = datetime(2030, 1, 1, 20, tzinfo=UTC)
    incident = make_maintenance(start=start, end=start + timedelta(hours=2))
    later = {"scheduled_for": start + timedelta(hours=1), "scheduled_until": start + timedelta(hours=3)}
    move(incident=incident, details={**later, "scope": Text(en="All")}, by=person(ida))
    assert details_versions(incident, "scheduled_for") == ["2030-01-01T21:00:00+00:00", "2030-01-01T20:00:00+00:00"]
    newest = incident.versions.first()
    assert newest is not None
    assert (newest.saved_by, newest.snapshot["scope_en"]) == (ida, "All")


def test_versions_outlive_the_account_of_their_author(ida: Any) -> None:
    draft = draft_of(make_incident(), by=person(ida))
    ida.delete()
    assert draft.versions.get().saved_by is None
