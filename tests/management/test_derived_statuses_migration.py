"""The migration that derives the statuses of components from data of the version before it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from incidents.claims import Change
from incidents.models import Component, ManualStatus, StaleSubject
from incidents.operations import derived_changes, stored_changes
from incidents.status import ComponentStatus
from incidents.text import Text

pytestmark = pytest.mark.django_db

BEFORE, AFTER = [("incidents", "0013_plain_labels")], [("incidents", "0014_derived_statuses")]
OPERATIONAL, _MAINTENANCE, DEGRADED, PARTIAL, MAJOR = ComponentStatus
TITLE = Text(da="Mail er nede", en="Mail is down")


def at(hours: float) -> datetime:
    return datetime(2026, 9, 10, tzinfo=UTC) + timedelta(hours=hours)


class OldPage:
    """Data as the version before the migration wrote it."""

    def __init__(self) -> None:
        executor = MigrationExecutor(connection)
        executor.migrate(BEFORE)
        self.model = executor.loader.project_state(BEFORE).apps.get_model

    def rows(self, name: str) -> Any:
        return self.model("incidents", name).objects

    def component(self, slug: str) -> Any:
        return self.rows("Component").create(slug=slug, name=Text(da=slug, en=slug))

    def incident(self, start: datetime, end: datetime | None) -> Any:
        phase = "resolved" if end else "identified"
        return self.rows("Incident").create(
            title=TITLE, phase=phase, started_at=start, ended_at=end, published_at=start, impact="major"
        )

    def update(self, incident: Any, when: datetime, phase: str, statuses: dict[Any, str], **fields: Any) -> Any:
        update = self.rows("Update").create(
            incident=incident, at=when, phase=phase, text=TITLE, published_at=when, **fields
        )
        for component, status in statuses.items():
            self.rows("AffectedComponent").create(update=update, component=component, status=status)
            self.change(component, when, status, update)
        return update

    def change(self, component: Any, when: datetime, status: str, update: Any = None) -> None:
        self.rows("StatusChange").create(component=component, at=when, status=status, update=update)


def migrated() -> None:
    MigrationExecutor(connection).migrate(AFTER)


def record(component: Any) -> list[tuple[datetime, ComponentStatus]]:
    return [change[:2] for change in stored_changes([component.pk])[component.pk]]


def test_record_is_that_of_the_incidents_own_times() -> None:
    page = OldPage()
    mail = page.component("mail")
    incident = page.incident(at(8), at(10))
    page.update(incident, at(9), "identified", {mail: "partial_outage"})
    page.update(incident, at(20), "resolved", {mail: "operational"}, ended_at=at(10))
    migrated()
    changes = stored_changes([mail.pk])[mail.pk]
    assert changes == [Change(at(8), PARTIAL, (incident.pk,)), Change(at(10), OPERATIONAL)]
    assert changes == derived_changes([mail.pk])[mail.pk]
    assert StaleSubject.objects.filter(subject="page").exists()


def test_state_that_a_withdrawn_incident_left_behind_is_gone() -> None:
    page = OldPage()
    mail = page.component("mail")
    incident = page.incident(at(8), at(10))
    page.update(incident, at(8), "identified", {mail: "major_outage"})
    page.update(incident, at(10), "resolved", {mail: "major_outage"})  # of another incident, withdrawn since
    page.rows("Component").update(status="major_outage")
    migrated()
    assert record(mail) == [(at(8), MAJOR), (at(10), OPERATIONAL)]
    assert Component.objects.get(slug="mail").status == OPERATIONAL


def test_status_set_by_hand_lasts_until_what_replaced_it() -> None:
    page = OldPage()
    mail, web = page.component("mail"), page.component("web")
    page.change(mail, at(1), "degraded_performance")
    incident = page.incident(at(3), at(5))
    page.update(incident, at(3), "identified", {mail: "partial_outage"})
    page.update(incident, at(5), "resolved", {mail: "operational"})
    page.change(web, at(2), "major_outage")
    migrated()
    assert record(mail) == [(at(1), DEGRADED), (at(3), PARTIAL), (at(5), OPERATIONAL)]
    assert record(web) == [(at(2), MAJOR)]
    assert list(ManualStatus.objects.order_by("at").values_list("component__slug", "status", "at")) == [
        ("mail", DEGRADED, at(1)),
        ("web", MAJOR, at(2)),
        ("mail", OPERATIONAL, at(3)),
    ]


def test_withdrawn_incident_ends_no_status_set_by_hand() -> None:
    page = OldPage()
    mail = page.component("mail")
    page.change(mail, at(1), "major_outage")
    withdrawn = page.incident(at(3), None)
    page.update(withdrawn, at(3), "identified", {mail: "partial_outage"})
    page.rows("Incident").update(published_at=None)
    migrated()
    assert record(mail) == [(at(1), MAJOR)]


def test_way_back_and_forth_keeps_what_incidents_and_staff_said() -> None:
    page = OldPage()
    mail = page.component("mail")
    page.change(mail, at(1), "degraded_performance")
    incident = page.incident(at(3), at(5))
    page.update(incident, at(3), "identified", {mail: "partial_outage"})
    page.update(incident, at(5), "resolved", {mail: "operational"})
    migrated()
    expected, by_hand = stored_changes([mail.pk]), ManualStatus.objects.count()
    MigrationExecutor(connection).migrate(BEFORE)
    migrated()
    assert stored_changes([mail.pk]) == expected
    assert ManualStatus.objects.count() == by_hand


def test_draft_claims_nothing() -> None:
    page = OldPage()
    mail = page.component("mail")
    draft = page.incident(at(8), None)
    page.update(draft, at(8), "identified", {mail: "major_outage"})
    page.rows("Incident").update(published_at=None)
    page.rows("StatusChange").all().delete()
    migrated()
    assert record(mail) == []
