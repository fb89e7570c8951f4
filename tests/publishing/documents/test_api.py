"""The read part of the Statuspage API: its content and the structure that existing clients expect."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.utils import timezone, translation

from incidents import operations, statuspage_api
from incidents.models import Component, Incident, Page
from incidents.publishing.documents.registry import DOCUMENTS
from incidents.publishing.store.renditions import Renderer, Rendition
from incidents.status import ComponentStatus, Phase
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import (
    make_component,
    make_group,
    make_incident,
    make_maintenance,
    make_page,
    make_statement,
    make_update,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("public_store")]

NOW = datetime(2023, 10, 11, 12, 0, tzinfo=UTC)
INCIDENT_KEYS = """
    id name status created_at updated_at monitoring_at resolved_at impact shortlink started_at page_id
    incident_updates components
""".split()
UPDATE_KEYS = """
    id status body incident_id created_at updated_at display_at affected_components deliver_notifications
    custom_tweet tweet_id
""".split()
COMPONENT_KEYS = """
    id name status created_at updated_at position description showcase start_date group_id page_id group
    only_show_if_degraded
""".split()


@pytest.fixture(autouse=True)
def page() -> Iterator[Page]:
    with time_machine.travel(NOW, tick=False):
        yield make_page()


def read(name: str, language: str = "") -> Any:
    """The document as it would be published at `/LANGUAGE/api/v2/NAME.json`."""
    path = f"{f'/{language}' if language else ''}/api/v2/{name}.json"
    codes = [code for code, _name in settings.LANGUAGES]
    renditions = (
        Rendition(document, name, code) for document in DOCUMENTS for code in codes if name in document.all_keys()
    )
    [rendition] = [rendition for rendition in renditions if rendition.path == path][:1]
    content = Renderer().render(rendition)
    assert isinstance(content, bytes)
    return json.loads(content)


def broken(component: Component, **details: Any) -> Incident:
    return make_incident(components={component: ComponentStatus.MAJOR_OUTAGE}, **details)


def test_every_document_begins_with_the_page(page: Page) -> None:
    names = "summary status components incidents incidents/unresolved scheduled-maintenances".split()
    for name in [*names, "scheduled-maintenances/upcoming", "scheduled-maintenances/active"]:
        document = read(name)
        assert next(iter(document)) == "page"
        assert document["page"] == {
            "id": page.pk,
            "name": "Nordhost driftsstatus",
            "url": "https://status.example.dk",
            "time_zone": "Europe/Copenhagen",
            "updated_at": "2023-10-11T14:00:00.000+02:00",
        }
        assert all(document[part] == [] for part in document.keys() - {"page", "status"})


@pytest.mark.parametrize(
    ("status", "indicator", "description"),
    [
        (ComponentStatus.OPERATIONAL, "none", "All Systems Operational"),
        (ComponentStatus.UNDER_MAINTENANCE, "maintenance", "Service Under Maintenance"),
        (ComponentStatus.DEGRADED_PERFORMANCE, "minor", "Partially Degraded Service"),
        (ComponentStatus.PARTIAL_OUTAGE, "major", "Partial System Outage"),
        (ComponentStatus.MAJOR_OUTAGE, "critical", "Major Service Outage"),
    ],
)
def test_overall_status_has_the_text_that_clients_compare(
    status: ComponentStatus, indicator: str, description: str
) -> None:
    make_component("web")
    make_component("mail", status=status)
    assert read("status", "en")["status"] == {"indicator": indicator, "description": description}
    assert read("summary", "en")["status"]["indicator"] == indicator
    assert read("status", "da")["status"]["description"] != description


def test_components_are_in_the_order_of_the_page_each_group_before_its_members(page: Page) -> None:
    group = make_group(position=1)
    inside = make_component("imap", group=group, status=ComponentStatus.PARTIAL_OUTAGE, start_date=NOW.date())
    outside = make_component("web", description=Text(da="Alle sider", en="All sites"))
    make_component("secret", hidden=True)
    first, row, member = read("components", "en")["components"]
    assert [first["id"], row["id"], member["id"]] == [outside.pk, group.pk, inside.pk]
    assert [*first] == [*COMPONENT_KEYS, "details"]
    assert [first["description"], member["description"]] == ["All sites", None]
    assert [first["group"], row["group"], member["group"]] == [False, True, False]
    assert row["components"] == [inside.pk]
    assert row["status"] == member["status"] == "partial_outage"
    assert [member["group_id"], first["group_id"]] == [group.pk, None]
    assert [member["start_date"], first["start_date"]] == ["2023-10-11", None]


def test_incident_has_its_updates_newest_first_with_their_statuses() -> None:
    mail = make_component("mail")
    incident = broken(mail, started_at=NOW - timedelta(hours=2))
    with time_machine.travel(NOW + timedelta(minutes=30), tick=False):
        make_update(incident, Phase.MITIGATED, components={mail.pk: ComponentStatus.DEGRADED_PERFORMANCE})
    [data] = read("incidents/unresolved", "en")["incidents"]
    assert [*data] == [*INCIDENT_KEYS, "details"]
    assert (data["status"], data["details"]["phase"]) == ("monitoring", "mitigated")
    assert data["monitoring_at"] == "2023-10-11T14:30:00.000+02:00"
    assert data["resolved_at"] is None
    assert data["shortlink"] == f"https://status.example.dk/en/incidents/{incident.pk}/"
    newest, first = data["incident_updates"]
    assert [*newest] == [*UPDATE_KEYS, "details"]
    assert [newest["status"], first["status"]] == ["monitoring", "identified"]
    assert newest["affected_components"] == [
        {"code": mail.pk, "name": "mail (en)", "old_status": "major_outage", "new_status": "degraded_performance"}
    ]
    [touched] = data["components"]
    assert touched["status"] == "degraded_performance"


def test_update_without_components_has_null() -> None:
    make_incident()
    [data] = read("summary")["incidents"]
    assert data["incident_updates"][0]["affected_components"] is None
    assert data["components"] == []


def test_resolved_incident_is_only_in_the_list() -> None:
    incident = broken(make_component("mail"), started_at=NOW - timedelta(hours=1))
    with time_machine.travel(NOW + timedelta(minutes=1), tick=False):
        operations.resolve(by=ANYBODY, incident=incident, text=Text(en="Over."), notify=False)
    assert read("summary")["incidents"] == read("incidents/unresolved")["incidents"] == []
    [data] = read("incidents")["incidents"]
    assert (data["status"], data["resolved_at"]) == ("resolved", "2023-10-11T14:01:00.000+02:00")


def test_maintenance_has_its_window_and_is_completed_when_cancelled() -> None:
    start = NOW + timedelta(days=1)
    ahead = make_maintenance(start=start, end=start + timedelta(hours=2), components=(make_component("mail"),))
    off = make_maintenance(start=start, end=start + timedelta(hours=1))
    with time_machine.travel(NOW + timedelta(minutes=1), tick=False):
        operations.cancel_maintenance(by=ANYBODY, incident=off, text=Text(en="Off."))
    [data] = read("scheduled-maintenances/upcoming")["scheduled_maintenances"]
    assert (data["id"], data["status"], data["impact"]) == (
        ahead.pk,
        "scheduled",
        "maintenance",
    )
    assert data["scheduled_for"] == "2023-10-12T14:00:00.000+02:00"
    assert data["scheduled_until"] == "2023-10-12T16:00:00.000+02:00"
    assert [one["id"] for one in read("summary")["scheduled_maintenances"]] == [ahead.pk]
    assert read("scheduled-maintenances/active")["scheduled_maintenances"] == []
    both = {one["id"]: one for one in read("scheduled-maintenances")["scheduled_maintenances"]}
    assert (both[off.pk]["status"], both[off.pk]["details"]["phase"]) == ("completed", "cancelled")


def test_maintenance_in_progress_is_active_and_in_the_summary() -> None:
    work = make_maintenance(start=NOW, end=NOW + timedelta(hours=2))
    with time_machine.travel(NOW + timedelta(minutes=1), tick=False):
        operations.start_maintenance(by=ANYBODY, incident=work, text=Text(en="Now."))
    for name in ("summary", "scheduled-maintenances/active"):
        assert [one["status"] for one in read(name)["scheduled_maintenances"]] == ["in_progress"]
    assert read("summary")["incidents"] == []


def test_text_is_in_the_language_of_the_path_or_its_language_is_named() -> None:
    make_incident(title=Text(da="Mail er forsinket", en="Mail is delayed"), scope=Text(da="Alle kunder"))
    danish, english, default = (read("incidents", code)["incidents"][0] for code in ("da", "en", ""))
    assert [danish["name"], english["name"], default["name"]] == [
        "Mail er forsinket",
        "Mail is delayed",
        "Mail er forsinket",
    ]
    assert (english["details"]["scope"], english["details"]["languages"]) == ("Alle kunder", {"scope": "da"})
    assert danish["details"]["languages"] == {}


def test_quoted_statement_is_in_the_body_with_its_language() -> None:
    statement = make_statement(quote="**Final status:** reverted.", quote_language="en", text=Text(da="Det er løst."))
    make_incident(statement=statement, upstream_name="Microsoft 365")
    [update] = read("incidents", "da")["incidents"][0]["incident_updates"]
    assert update["body"] == "Det er løst.\n\nMeddelelse fra Microsoft 365 (på engelsk):\n\nFinal status: reverted."
    assert update["details"]["quote"] == {"body": "**Final status:** reverted.", "language": "en", "url": None}


def test_drafts_withdrawn_incidents_and_hidden_components_are_left_out() -> None:
    make_incident(draft=True, title=Text(da="KLADDE"))
    withdrawn = make_incident(title=Text(da="TRUKKET"))
    operations.withdraw(by=ANYBODY, incident=withdrawn)
    shown = make_incident(components={make_component("skjult", hidden=True): ComponentStatus.MAJOR_OUTAGE})
    everything = "".join(json.dumps(read(name)) for name in ("summary", "incidents", "components"))
    assert "KLADDE" not in everything
    assert "TRUKKET" not in everything
    assert "skjult" not in everything
    assert shown.pk in everything


@pytest.mark.parametrize(
    ("zone", "summer", "winter"),
    [
        ("Europe/Copenhagen", "2023-10-11T14:00:00.123+02:00", "2023-12-11T13:00:00.123+01:00"),
        ("Etc/UTC", "2023-10-11T12:00:00.123Z", "2023-12-11T12:00:00.123Z"),
        ("America/St_Johns", "2023-10-11T09:30:00.123-02:30", "2023-12-11T08:30:00.123-03:30"),
    ],
)
def test_times_have_three_decimals_and_the_offset_of_the_page_at_that_instant(
    zone: str, summer: str, winter: str
) -> None:
    with timezone.override(zone):
        assert statuspage_api.moment(NOW.replace(microsecond=123_999)) == summer
        assert statuspage_api.moment(NOW.replace(month=12, microsecond=123_999)) == winter


def test_backdated_incident_has_the_times_shown_to_readers() -> None:
    then = datetime(2023, 1, 2, 3, 4, tzinfo=UTC)
    make_incident(statement=make_statement(at=then), started_at=then)
    [data] = read("incidents")["incidents"]
    assert data["created_at"] == data["updated_at"] == data["started_at"] == "2023-01-02T04:04:00.000+01:00"


def test_phases_and_statuses_convert_both_ways() -> None:
    with translation.override("en"):
        assert statuspage_api.phase_of("monitoring") is Phase.MITIGATED
        assert {statuspage_api.phase_of(statuspage_api.status_of(phase)) for phase in Phase} == {*Phase} - {
            Phase.CANCELLED
        }
        with pytest.raises(ValueError, match="nonsense"):
            statuspage_api.phase_of("nonsense")


def test_a_new_title_is_a_change_of_incident_and_page() -> None:
    make_incident()
    later = NOW + timedelta(hours=1)
    with time_machine.travel(later, tick=False):
        operations.edit_incident(by=ANYBODY, incident=Incident.objects.get(), details={"title": Text(en="New title")})
    data = read("incidents")
    assert data["incidents"][0]["updated_at"] == data["page"]["updated_at"] == "2023-10-11T15:00:00.000+02:00"
    assert data["incidents"][0]["incident_updates"][0]["updated_at"] == "2023-10-11T14:00:00.000+02:00"
