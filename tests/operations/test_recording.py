"""What a verb leaves in the audit log: one entry for each deed, with the words before and after."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connections

from harness.waiting import PATIENCE
from incidents import operations
from incidents.models import AuditEntry, StaleSubject
from incidents.operations import Statement
from incidents.staff import audit
from incidents.staff.actors import SCHEDULER, Actor, person
from incidents.staff.roles import Role
from incidents.status import ComponentStatus, Phase
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import (
    make_component,
    make_incident,
    make_page,
    make_statement,
    make_subscriber,
    make_update,
)
from tests.operations.test_roles import announced, draft, planned, scheduled, someone, verbs
from tests.test_images import PNG

pytestmark = pytest.mark.django_db

TEXT = Text(da="Ny tekst.", en="New text.")


def entries() -> list[AuditEntry]:
    return list(AuditEntry.objects.order_by("pk"))


def last() -> AuditEntry:
    entry = AuditEntry.objects.first()
    assert entry is not None
    return entry


def administrator() -> Actor:
    return person(someone(Role.ADMINISTRATOR).user, "192.0.2.0/24")


@pytest.mark.parametrize("case", verbs(), ids="-".join)
def test_every_verb_leaves_one_entry_that_says_who_acted(case: tuple[str, str]) -> None:
    _role, prepare = verbs()[case]
    call, by = prepare(), administrator()
    before = len(entries())
    done = call(by)
    added = entries()[before:]
    if isinstance(done, (bool, int)) and not done:  # such as resuming what is not paused
        assert added == []
        return
    (entry,) = added
    assert (entry.operation, entry.actor_kind, entry.actor_name, entry.network) == (
        case[0], "person", by.name, "192.0.2.0/24",
    )  # fmt: skip
    assert entry.roles == [Role.ADMINISTRATOR.group_name]
    assert entry.kind
    assert not list(audit.verify())


def test_refusals_leave_no_entry() -> None:
    incident, by = make_incident(), someone(Role.WRITER)
    before = len(entries())
    with pytest.raises(PermissionDenied):
        operations.withdraw(incident=incident, by=by)
    with pytest.raises(ValidationError):
        operations.publish_again(incident=incident, by=ANYBODY)
    assert len(entries()) == before


def test_deed_that_changes_nothing_leaves_no_entry() -> None:
    incident, announcement = make_incident(), announced()
    operations.cancel_announcement(announcement=announcement, by=ANYBODY)
    before = len(entries())
    assert not operations.cancel_announcement(announcement=announcement, by=ANYBODY)
    operations.edit_incident(incident=incident, details={"impact": incident.impact}, by=ANYBODY)
    assert len(entries()) == before


def test_entry_has_the_words_before_and_after() -> None:
    update = make_update(make_incident(), text=Text(da="Vi har fejlen.", en="We have the error."))
    operations.correct_update(update=update, text=TEXT, by=ANYBODY)
    entry = last()
    assert entry.before["text"] == {"da": "Vi har fejlen.", "en": "We have the error."}
    assert entry.after["text"] == {"da": "Ny tekst.", "en": "New text."}
    assert (entry.kind, entry.object_id, entry.incident_id) == ("update", update.pk, update.incident_id)


def test_entry_of_an_update_says_what_it_changed_of_the_incident_and_the_components() -> None:
    mail = make_component("mail")
    incident = make_incident()
    statement = make_statement(Phase.MITIGATED, components={mail.pk: ComponentStatus.PARTIAL_OUTAGE}, notify=True)
    operations.post_update(incident=incident, statement=statement, by=ANYBODY)
    entry = last()
    assert (entry.before["phase"], entry.after["phase"]) == ("identified", "mitigated")
    assert entry.after["components"] == {"mail": "partial_outage"}
    assert entry.after["notify"] is True


def test_entry_of_a_new_incident_has_its_title_and_first_words() -> None:
    make_incident(title=Text(da="Nedbrud", en="Outage"), statement=make_statement(text=TEXT))
    entry = last()
    assert entry.operation == "open_incident"
    assert entry.after["title"] == {"da": "Nedbrud", "en": "Outage"}
    assert entry.after["text"] == {"da": "Ny tekst.", "en": "New text."}


def test_entry_of_the_page_has_the_settings_that_changed() -> None:
    make_page(company="Nordhost ApS", contact="help@nordhost.example.dk")
    fields = {"company": "Nordhost A/S", "contact": "help@nordhost.example.dk"}
    operations.edit_page(fields=fields, by=ANYBODY)
    assert (last().before, last().after) == ({"company": "Nordhost ApS"}, {"company": "Nordhost A/S"})
    StaleSubject.objects.all().delete()
    operations.edit_page(fields=fields, by=ANYBODY)
    assert not StaleSubject.objects.exists()
    operations.change_logo(content=None, by=ANYBODY)
    assert [entry.operation for entry in entries()] == ["edit_page"]
    operations.change_logo(content=PNG, by=ANYBODY)
    assert (last().operation, list(last().after)) == ("change_logo", ["logo"])


def test_entry_of_a_discarded_draft_has_its_words() -> None:
    update = draft()
    operations.discard_draft(update=update, by=ANYBODY)
    entry = last()
    assert entry.before["text"]["da"] == "Vi har fundet fejlen."
    assert (entry.operation, entry.after) == ("discard_draft", {})


def test_status_set_by_hand_is_in_the_entry_although_an_incident_is_worse() -> None:
    mail = make_component("mail")
    make_incident(components={mail: ComponentStatus.MAJOR_OUTAGE})
    operations.set_component_status(component=mail, status=ComponentStatus.PARTIAL_OUTAGE, by=ANYBODY)
    entry = last()
    assert (entry.operation, entry.kind) == ("set_component_status", "component")
    assert entry.after == {"set_by_hand": "partial_outage"}


def test_move_of_maintenance_that_replaces_one_is_one_entry() -> None:
    incident = planned()
    later = {"scheduled_until": incident.scheduled_until.replace(hour=23, minute=30)}  # type: ignore[union-attr]
    operations.move_maintenance(incident=incident, details=later, by=ANYBODY)  # type: ignore[arg-type]
    before = len(entries())
    window = {"scheduled_until": incident.scheduled_until.replace(hour=23)}  # type: ignore[union-attr]
    operations.move_maintenance(incident=incident, details=window, by=ANYBODY)  # type: ignore[arg-type]
    (entry,) = entries()[before:]
    assert entry.operation == "move_maintenance"
    assert entry.after["scheduled_until"].startswith("2030-01-01T23")


def test_scheduled_update_is_published_by_the_scheduler() -> None:
    update = scheduled()
    type(update).objects.filter(pk=update.pk).update(publish_at="2020-01-01T00:00Z")
    assert operations.publish_due(update=update)
    entry = last()
    assert (entry.operation, entry.actor_kind, entry.actor_name) == ("publish_draft", "scheduler", SCHEDULER.name)


def test_ended_subscription_is_named_by_its_id_alone() -> None:
    subscriber = make_subscriber("anna@example.dk")
    operations.end_subscription(subscriber=subscriber, by=ANYBODY)
    entry = last()
    assert (entry.kind, entry.object_id) == ("subscriber", subscriber.pk)
    assert "anna" not in f"{entry.before}{entry.after}{entry.object_name}"


def test_draft_of_a_draft_incident_is_an_entry_of_the_incident() -> None:
    incident = make_incident(draft=True)
    statement = Statement(phase=Phase.IDENTIFIED, text=TEXT)
    operations.post_update(incident=incident, statement=statement, draft=True, by=ANYBODY)
    assert list(audit.entries_of(incident).values_list("operation", flat=True)) == ["post_update", "open_incident"]


@pytest.mark.django_db(transaction=True)
def test_other_verbs_do_not_wait_while_failed_deliveries_are_queued_again(monkeypatch: pytest.MonkeyPatch) -> None:
    mail, announcement = make_component("mail"), announced()
    with ThreadPoolExecutor(1) as threads:

        def requeue(*_args: object) -> int:
            fields: operations.ComponentFields = {"position": 7}
            threads.submit(operations.edit_component, by=ANYBODY, component=mail, fields=fields).result(PATIENCE)
            return 100_000

        monkeypatch.setattr("incidents.operations.notifying.requeue", requeue)
        operations.resend_failed(announcement=announcement, by=ANYBODY)
        threads.submit(connections.close_all).result()
    assert [entry.operation for entry in entries()][-2:] == ["edit_component", "resend_failed"]
    assert list(audit.verify()) == []
