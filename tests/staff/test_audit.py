"""The audit log: what an entry contains, what the database refuses, and what verifying finds."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
import time_machine
from django.contrib.auth.models import Group, User
from django.db import ProgrammingError, connection, connections, transaction

from harness.waiting import wait_for
from incidents.models import AuditEntry, Bounce, Subscriber, SubscriptionRequest
from incidents.staff import audit
from incidents.staff.actors import SCHEDULER, command, person
from incidents.staff.audit import Problem, ProblemKind
from incidents.text import Text
from statuspage.local.paths import ROOT
from tests.factories import make_component, make_incident, make_page, make_subscriber
from tests.support.audit_log import as_superuser, fill
from tests.support.database import is_connection_blocked

pytestmark = pytest.mark.django_db


@pytest.fixture
def karen() -> User:
    user = User.objects.create_user("karen", email="karen@example.dk", password="a password of hers")
    user.groups.add(Group.objects.create(name="Editors"), Group.objects.create(name="Administrators"))
    return user


def changed(number: int) -> Problem:
    return Problem(ProblemKind.CHANGED, number, number)


# What an entry contains


def test_entry_says_who_did_what_from_where_and_what_changed(karen: User) -> None:
    make_page()
    incident = make_incident()
    before = audit.snapshot(incident)
    incident.title = Text(da="Mail er nede", en="Mail is down")
    with time_machine.travel(datetime(2026, 11, 27, 8, tzinfo=UTC), tick=False):
        written = audit.record(
            person(karen, "192.0.2.0/24"), "edit_incident", incident, before=before, after=audit.snapshot(incident)
        )
    opening, entry = AuditEntry.objects.order_by("pk")
    assert (entry.hash, entry.previous_hash) == (written.hash, opening.hash)
    assert entry.at == datetime(2026, 11, 27, 8, tzinfo=UTC)
    assert (entry.actor_kind, entry.actor_name, entry.user) == ("person", "karen", karen.pk)
    assert (entry.roles, entry.network) == (["Administrators", "Editors"], "192.0.2.0/24")
    assert (entry.operation, entry.kind, entry.object_id) == ("edit_incident", "incident", incident.pk)
    assert (entry.object_name, entry.incident_id) == ({"da": "Mail er nede", "en": "Mail is down"}, incident.pk)
    assert entry.before == {"title": {"da": "Mail er forsinket", "en": "Mail is delayed"}}
    assert entry.after == {"title": {"da": "Mail er nede", "en": "Mail is down"}}


def test_entry_stays_when_the_account_and_the_object_are_deleted(karen: User) -> None:
    component = make_component("mail")
    audit.record(person(karen), "remove_component", component, before=audit.snapshot(component))
    number = karen.pk
    component.delete()
    karen.delete()
    entry = AuditEntry.objects.get()
    assert (entry.user, entry.actor_name, entry.roles) == (number, "karen", ["Administrators", "Editors"])
    assert entry.before["name"] == {"da": "mail (da)", "en": "mail (en)"}
    assert entry.after == {}


def test_command_and_scheduler_have_no_account() -> None:
    audit.record(command("import_subscribers"), "import_subscribers", None)
    audit.record(SCHEDULER, "publish_due", None)
    found = AuditEntry.objects.order_by("pk").values_list("actor_kind", "actor_name", "user", "kind", "object_id")
    assert list(found) == [
        ("command", "import_subscribers", None, "", ""), ("scheduler", "scheduler", None, "", ""),
    ]  # fmt: skip


def test_part_of_an_incident_is_listed_with_it() -> None:
    make_page()
    incident, other = make_incident(), make_incident()
    update = incident.updates.get()
    audit.record(SCHEDULER, "correct_update", update)
    audit.record(SCHEDULER, "withdraw", other)
    assert list(audit.entries_of(incident).values_list("operation", "kind")) == [
        ("correct_update", "update"), ("open_incident", "incident"),
    ]  # fmt: skip


def test_address_of_a_subscriber_is_never_in_an_entry(karen: User) -> None:
    subscriber = make_subscriber("anna@example.dk", suspended_because="550 anna@example.dk")
    before = audit.snapshot(subscriber)
    after = {"state": "unsubscribed", "address": "anna@example.dk", "owner": "", "language": "en"}
    entry = audit.record(person(karen), "end_subscription", subscriber, before=before, after=after)
    assert (entry.kind, entry.object_id, entry.object_name) == ("subscriber", subscriber.pk, {})
    assert (entry.before, entry.after) == ({"state": Subscriber.State.ACTIVE}, {"state": "unsubscribed"})
    assert "anna" not in "".join(audit.lines(AuditEntry.objects.all()))


def test_address_is_left_out_whatever_the_object_but_the_page_has_its_own() -> None:
    row = Bounce(subscriber=make_subscriber("anna@example.dk"), consequence="counted", reply="550 anna@example.dk")
    request = SubscriptionRequest(kind="webhook", address="anna@example.dk", details={"url": "https://anna.example"})
    for target in (row, request, None):
        audit.record(
            SCHEDULER, "receive_bounce", target, before=audit.snapshot(request), after={"address": "anna@example.dk"}
        )
    assert "anna" not in "".join(audit.lines(AuditEntry.objects.all()))
    page = make_page(address="Havnegade 1", contact="info@example.dk")
    assert audit.record(SCHEDULER, "edit_page", page, after=audit.snapshot(page)).after["address"] == "Havnegade 1"


def test_secret_and_personal_data_of_staff_are_not_in_an_entry(karen: User) -> None:
    shown = audit.snapshot(karen)
    assert shown == {"username": "karen", "is_active": True, "is_staff": False, "is_superuser": False}
    entry = audit.record(
        SCHEDULER, "edit_user", karen, after={**shown, "email": "karen@example.dk", "groups": ["Editors"]}
    )
    assert entry.after == {**shown, "groups": ["Editors"]}
    entry = audit.record(SCHEDULER, "create_token", None, after={"name": "Alerts", "token_hash": "abc", "secret": "x"})
    assert entry.after == {"name": "Alerts"}


# What the database refuses

CHANGES = {
    "update": "UPDATE incidents_auditentry SET actor_name = 'somebody else' WHERE id = 1",
    "delete": "DELETE FROM incidents_auditentry WHERE id = 1",
    "truncate": "TRUNCATE incidents_auditentry CASCADE",
    "upsert": "INSERT INTO incidents_auditentry SELECT * FROM incidents_auditentry"
    " ON CONFLICT (id) DO UPDATE SET actor_name = 'x'",
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("role", ["owner", "granted"])
def test_entry_cannot_be_changed_deleted_or_truncated(change: str, role: str) -> None:
    fill(1)
    with connection.cursor() as cursor:
        if role == "granted":
            cursor.execute("CREATE ROLE audit_reader NOSUPERUSER")
            cursor.execute("GRANT ALL ON incidents_auditentry TO audit_reader")
            cursor.execute("GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO audit_reader")
            cursor.execute("SET LOCAL ROLE audit_reader")
        with pytest.raises(ProgrammingError, match="never changed or deleted"), transaction.atomic():
            cursor.execute(CHANGES[change])
        cursor.execute("RESET ROLE")
    assert AuditEntry.objects.get().actor_name == "scheduler"


def test_role_that_owns_no_table_writes_entries_and_cannot_remove_the_protection() -> None:
    lines = Path(ROOT, "docs", "production.md").read_text(encoding="utf-8").splitlines()
    grants = [line.strip() for line in lines if line.startswith(("    GRANT ", "    REVOKE "))]
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE statuspage_application")
        for grant in grants:
            cursor.execute(re.sub(r"statuspage;$", "statuspage_application;", grant))
        cursor.execute("SET LOCAL ROLE statuspage_application")
        fill(1)
        for change in (*CHANGES.values(), "ALTER TABLE incidents_auditentry DISABLE TRIGGER ALL"):
            with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"), transaction.atomic():
                cursor.execute(change)
        cursor.execute("RESET ROLE")
    assert len(grants) == 3
    assert list(audit.verify()) == []


def test_application_cannot_choose_number_and_hash() -> None:
    fill(1)
    AuditEntry.objects.create(pk=1000, actor_kind="person", actor_name="x", operation="y", hash="a", previous_hash="b")
    assert AuditEntry.objects.count() == 2
    assert list(audit.verify()) == []


# What verifying finds


def test_untouched_log_has_no_problem() -> None:
    assert audit.newest() == (0, "")
    assert list(audit.verify()) == []
    entries = fill()
    assert list(audit.verify()) == []
    assert audit.newest() == (5, entries[-1].hash)


def test_verifying_does_not_depend_on_the_time_zone_of_the_session() -> None:
    fill()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL TIME ZONE 'Asia/Tokyo'")
        cursor.execute("SET LOCAL DateStyle = 'German'")
    assert list(audit.verify()) == []


@pytest.mark.parametrize("column", [field.column for field in AuditEntry._meta.concrete_fields])
def test_change_of_any_column_is_found(column: str) -> None:
    fill()
    values = {"id": "30", "at": "at + interval '1 microsecond'", "user": "7"}
    value = """'{"a": 1}'""" if column in {"roles", "object_name", "before", "after"} else values.get(column, "'x'")
    as_superuser(f'UPDATE incidents_auditentry SET "{column}" = {value} WHERE id = 3')
    assert list(audit.verify()) != []


def test_changed_entry_is_named() -> None:
    fill()
    as_superuser("UPDATE incidents_auditentry SET actor_name = 'somebody else' WHERE id = 3")
    assert list(audit.verify()) == [changed(3)]


def test_changed_entry_with_a_hash_that_fits_is_found_at_the_next_one() -> None:
    fill()
    expression = re.search(r"encode\(.+ 'hex'\)", audit._CHAIN, flags=re.DOTALL)
    assert expression
    as_superuser("UPDATE incidents_auditentry SET actor_name = 'somebody else' WHERE id = 3")
    as_superuser(f"UPDATE incidents_auditentry SET hash = {expression[0]} WHERE id = 3")
    assert list(audit.verify()) == [Problem(ProblemKind.REORDERED, 4, 4)]


def test_deleted_entries_are_named() -> None:
    fill(7)
    as_superuser("DELETE FROM incidents_auditentry WHERE id IN (1, 4, 5)")
    found = list(audit.verify())
    assert found == [Problem(ProblemKind.MISSING, 1, 1), Problem(ProblemKind.MISSING, 4, 5)]
    assert [str(one) for one in found] == ["Entry 1 is missing.", "Entries 4 to 5 are missing."]


def test_exchanged_entries_are_found() -> None:
    fill()
    as_superuser("UPDATE incidents_auditentry SET id = -id WHERE id IN (2, 3)")
    as_superuser("UPDATE incidents_auditentry SET id = 5 + id WHERE id < 0")
    assert set(audit.verify()) == {
        changed(2), changed(3), *(Problem(ProblemKind.REORDERED, number, number) for number in (2, 3, 4)),
    }  # fmt: skip


def test_exported_lines_contain_what_is_hashed(karen: User) -> None:
    make_page()
    audit.record(person(karen, "192.0.2.0/24"), "withdraw", make_incident(), before={"title": Text(da="Æ", en="")})
    opening, line = audit.lines(AuditEntry.objects.all())
    found = json.loads(line)
    entry = AuditEntry.objects.get(operation="withdraw")
    assert found["actor"] == {
        "kind": "person", "name": "karen", "user": karen.pk, "roles": ["Administrators", "Editors"],
    }  # fmt: skip
    assert found["before"] == {"title": {"da": "Æ"}}
    assert datetime.fromisoformat(found["at"]) == entry.at
    assert (found["hash"], found["previous_hash"]) == (entry.hash, json.loads(opening)["hash"])


# Two at once


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as threads:
        yield threads
        threads.submit(connections.close_all).result()


@pytest.mark.django_db(transaction=True)
def test_two_transactions_at_once_leave_one_chain(pool: ThreadPoolExecutor) -> None:
    with transaction.atomic():
        audit.record(SCHEDULER, "publish_due", None)
        other = pool.submit(audit.record, SCHEDULER, "apply_retention", None)
        wait_for(is_connection_blocked)
        audit.record(SCHEDULER, "publish_due", None)
    assert other.result().pk == 3
    assert list(AuditEntry.objects.values_list("operation", flat=True)) == [
        "apply_retention", "publish_due", "publish_due",
    ]  # fmt: skip
    assert list(audit.verify()) == []


@pytest.mark.django_db(transaction=True)
def test_entry_of_a_transaction_that_is_rolled_back_leaves_no_gap() -> None:
    fill(1)
    with transaction.atomic():
        fill(1)
        transaction.set_rollback(True)
    fill(1)
    assert sorted(AuditEntry.objects.values_list("pk", flat=True)) == [1, 2]
    assert list(audit.verify()) == []
