"""The audit log in the newsroom: found, read and downloaded, but never changed."""

import json
import re
from datetime import UTC, date, datetime

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone, translation
from pytest_django import DjangoAssertNumQueries

from incidents import operations
from incidents.admin.audit_changes import changes_of
from incidents.models import AuditEntry, Incident
from incidents.operations.recording import verb
from incidents.staff import audit
from incidents.staff.actors import SCHEDULER, command, person
from incidents.staff.sentences import SENTENCES, sentence
from incidents.status import ComponentStatus
from incidents.text import Text
from statuspage.local.paths import ROOT
from tests.admin.conftest import staff
from tests.factories import make_component, make_group, make_incident, make_page, make_update

pytestmark = pytest.mark.django_db

LIST = "/admin/incidents/auditentry/"
EXAMPLE = verb(lambda: None)
# What records without that decorator: log-ins, passwords, second factors, imports, exports and restores.
PACKAGES = ("admin", "backup", "sign_in", "subscriptions")
RECORDING = "".join(one.read_text() for name in PACKAGES for one in (ROOT / "incidents" / name).rglob("*.py"))


def read(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return re.sub(r"\s+", " ", response.content.decode())


def rows(client: Client, query: str = "") -> list[str]:
    # Without the log-in of the client itself.
    return [row.operation for row in client.get(LIST + query).context["cl"].result_list if row.operation != "log_in"]


def edited(incident: Incident) -> AuditEntry:
    before = audit.snapshot(incident)
    incident.title = Text(da="Mail er nede", en="Mail is down")
    incident.impact = "critical"
    karen = User.objects.get_or_create(username="karen")[0]
    return audit.record(
        person(karen, "192.0.2.0/24"), "edit_incident", incident, before=before, after=audit.snapshot(incident)
    )


@pytest.fixture
def incident(db: None) -> Incident:
    make_page()
    # Stored without the verb, which would leave an entry.
    title = Text(da="Mail er forsinket", en="Mail is delayed")
    return Incident.objects.create(title=title, phase="identified", impact="minor", published_at=timezone.now())


def test_every_operation_that_leaves_an_entry_has_a_sentence_and_no_other() -> None:
    functions = {name: getattr(operations, name) for name in operations.__all__}
    recorded = {name for name, one in functions.items() if getattr(one, "__code__", None) is EXAMPLE.__code__}
    others = set(SENTENCES) - recorded
    assert recorded <= set(SENTENCES)
    assert {name for name in others if f'"{name}"' not in RECORDING} == {
        f"{deed}_{kind}" for deed in ("add", "edit", "remove") for kind in ("account", "account_group")
    }


def test_operation_without_a_sentence_is_named_in_words() -> None:
    assert sentence("grow_potatoes") == "grow potatoes"


def test_list_says_who_did_what_with_which_object(incident: Incident, publisher: Client) -> None:
    edited(incident)
    audit.record(SCHEDULER, "publish_draft", None)
    audit.record(command("import_subscribers"), "import_subscribers", None)
    page = read(publisher, LIST)
    for text in ("changed the details of the incident", "Mail is down", "192.0.2.0/24", "Scheduler", "karen"):
        assert text in page
    assert "ændrede hændelsens detaljer" in publisher.get(LIST, headers={"Accept-Language": "da"}).content.decode()


def test_list_takes_the_same_number_of_queries_however_long_it_is(
    incident: Incident, publisher: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _number in range(30):
        edited(incident)
    with django_assert_max_num_queries(26):
        publisher.get(LIST)


def test_list_is_filtered_by_person_operation_kind_and_time(incident: Incident, publisher: Client) -> None:
    with time_machine.travel(datetime(2026, 11, 20, 8, tzinfo=UTC), tick=False):
        entry = edited(incident)
    with time_machine.travel(datetime(2026, 11, 27, 8, tzinfo=UTC), tick=False):
        publisher.force_login(User.objects.get(username="karen"))
        audit.record(SCHEDULER, "publish_draft", None)
        assert rows(publisher) == ["publish_draft", "edit_incident"]
        assert rows(publisher, f"?by={entry.user}") == ["edit_incident"]
        assert rows(publisher, "?by=scheduler") == ["publish_draft"]
        assert rows(publisher, "?action=publish_draft") == ["publish_draft"]
        assert rows(publisher, "?object=incident") == ["edit_incident"]
        assert rows(publisher, "?days=1") == ["publish_draft"]
        assert rows(publisher, "?days=7") == ["publish_draft"]
        assert rows(publisher, "?days=30") == ["publish_draft", "edit_incident"]
        assert rows(publisher, f"?q={incident.pk}") == ["edit_incident"]


@pytest.mark.parametrize("query", ["kar", "nede mail", "MAIL DOWN", "{id}"])
def test_entry_is_found_by_person_id_or_words_of_the_name(incident: Incident, publisher: Client, query: str) -> None:
    edited(incident)
    audit.record(SCHEDULER, "publish_draft", None)
    assert rows(publisher, f"?q={query.format(id=incident.pk)}") == ["edit_incident"]


def test_code_of_a_language_is_no_word_of_a_name(incident: Incident, publisher: Client) -> None:
    edited(incident)
    assert rows(publisher, "?q=da") == []


def test_entry_shows_what_changed_word_by_word(incident: Incident, publisher: Client) -> None:
    entry = edited(incident)
    page = read(publisher, f"{LIST}{entry.pk}/change/")
    assert "<b>karen</b> changed the details of the incident." in page
    assert f'href="/admin/incidents/incident/{incident.pk}/change/"' in page
    assert "Title, English" in page
    assert re.search(r"Mail is <del>.+?delayed.+?</del>.*?<ins>.+?down.+?</ins>", page)
    assert entry.hash in page
    impact = next(change for change in changes_of(entry) if change.label == "Impact")
    assert [(part.kind, part.text) for part in impact.parts] == [("removed", "Minor"), ("added", "Critical")]


def shown(entry: AuditEntry) -> dict[str, str]:
    """What a person reads of each field, in English."""
    with translation.override("en"):
        return {one.label: " → ".join(part.text for part in one.parts) for one in changes_of(entry)}


@pytest.mark.parametrize("key", ["pk", "slug"])
def test_statuses_of_components_are_named(incident: Incident, key: str) -> None:
    mail = make_component("en")  # also the code of a language
    statuses = {getattr(mail, key): ComponentStatus.MAJOR_OUTAGE}
    update = make_update(incident)
    entry = audit.record(SCHEDULER, "post_update", update, before={"components": {}}, after={"components": statuses})
    assert shown(entry) == {"Components": "en (en): Major outage"}


def test_entry_of_a_new_incident_names_the_fields_of_its_first_update(incident: Incident) -> None:
    after = {"impact": "minor", "text": Text(en="We are looking into it."), "notify": True, "phase": "investigating"}
    entry = audit.record(SCHEDULER, "open_incident", incident, after=after)
    assert shown(entry) == {
        "Impact": "Minor", "Text, English": "We are looking into it.", "Notify subscribers": "Yes",
        "Phase": "Investigating",
    }  # fmt: skip


def test_times_groups_and_statuses_of_a_component_are_in_words() -> None:
    make_page()
    group = make_group()
    before = {"start_date": date(2026, 1, 2), "set_by_hand": "operational", "group": None, "position": 1}
    after = {"start_date": date(2026, 3, 4), "set_by_hand": "major_outage", "group": group, "position": 2}
    entry = audit.record(SCHEDULER, "edit_component", make_component("mail"), before=before, after=after)
    assert shown(entry) == {
        "In service since": "2 January 2026 → 4 March 2026",
        "Status set by hand": "Operational → Major outage",
        "Group": "Mail",
        "Position": "1 → 2",
    }


def test_entry_of_a_kind_that_no_longer_exists_can_be_read(publisher: Client) -> None:
    entry = AuditEntry.objects.create(
        actor_kind="person", actor_name="ole", operation="old_verb", kind="oldkind", object_id="17", before={"x": "1"}
    )
    assert "oldkind <code>17</code>" in read(publisher, f"{LIST}{entry.pk}/change/")


@pytest.mark.parametrize("address", [LIST, f"{LIST}1/change/", f"{LIST}download/"])
def test_only_staff_with_the_right_see_the_log(incident: Incident, viewer: Client, address: str) -> None:
    edited(incident)
    assert viewer.get(address).status_code == 403
    assert staff("auditor", "view_auditentry").get(address).status_code == 200


def test_nobody_changes_the_log(incident: Incident, publisher: Client) -> None:
    edited(incident)
    assert publisher.get(f"{LIST}add/").status_code == 403
    assert publisher.post(f"{LIST}1/delete/", {"post": "yes"}).status_code == 403
    assert publisher.get(f"{LIST}999/change/").status_code == 404
    assert publisher.get(f"{LIST}x/change/").status_code == 404
    publisher.post(f"{LIST}1/change/", {"actor_name": "x"})
    assert AuditEntry.objects.get(operation="edit_incident").actor_name == "karen"


def test_download_has_the_entries_that_the_list_shows(incident: Incident, publisher: Client) -> None:
    edited(incident)
    audit.record(SCHEDULER, "publish_draft", None)
    for query, expected in (("", ["edit_incident", "publish_draft"]), ("?by=scheduler", ["publish_draft"])):
        response = publisher.get(f"{LIST}download/{query}")
        assert response["Content-Disposition"].startswith('attachment; filename="audit-log-')
        lines = b"".join(response).decode().splitlines()
        found = [json.loads(line)["operation"] for line in lines]
        assert [one for one in found if one != "log_in"] == expected


def test_history_of_an_incident_has_its_part_of_the_log(incident: Incident, publisher: Client, viewer: Client) -> None:
    entry = edited(incident)
    edited(make_incident())
    address = f"/admin/incidents/incident/{incident.pk}/history/"
    page = read(publisher, address)
    assert page.count("Changed the details of the incident.") == 1
    assert f'href="{LIST}{entry.pk}/change/"' in page
    page = read(viewer, address)
    assert "Changed the details of the incident." in page
    assert LIST not in page
