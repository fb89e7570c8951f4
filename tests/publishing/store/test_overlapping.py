"""Incidents that affect the same component: what changes one republishes all that shows the component."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine

from incidents import operations
from incidents.models import Component, Incident
from incidents.publishing import stale
from incidents.publishing.store.changes import publish_stale
from incidents.publishing.store.public_store import PublicStore
from incidents.publishing.store.publisher import differences
from incidents.status import ComponentStatus, Impact
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import make_component, make_incident, make_statement, make_update
from tests.publishing.blank import publish_blank_page

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("public_store")]

NOW = datetime(2023, 12, 12, 10, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
MAJOR, DEGRADED = ComponentStatus.MAJOR_OUTAGE, ComponentStatus.DEGRADED_PERFORMANCE
OPERATIONAL = ComponentStatus.OPERATIONAL


@pytest.fixture(autouse=True)
def outage(public_store: Path, blank_store: Path) -> Iterator[Incident]:
    """Mail is down; an incident since then makes mail and web slow. Both are published."""
    with time_machine.travel(NOW, tick=False):
        publish_blank_page(public_store, blank_store)
        mail, web = make_component("mail"), make_component("web")
        stale.mark_page()
        publish_stale()
        incident = since(NOW - 3 * HOUR, {mail: MAJOR}, title=Text(en="Outage"), impact=Impact.CRITICAL)
        since(NOW - 2 * HOUR, {mail: DEGRADED, web: DEGRADED}, title=Text(en="Slow"))
        yield incident


def since(start: datetime, components: dict[Component, ComponentStatus], **details: Any) -> Incident:
    named = {component.pk: status for component, status in components.items()}
    statement = make_statement(at=start, components=named)
    return make_incident(statement=statement, started_at=start, **details)


def published(path: str) -> str:
    return (PublicStore().read(path) or b"").decode()


def resolve(incident: Incident) -> None:
    operations.resolve(by=ANYBODY, incident=incident, text=Text(en="Over."), at=NOW - HOUR, notify=False)


def repair(incident: Incident) -> None:
    make_update(incident, at=NOW - HOUR, components={Component.objects.get(slug="mail").pk: OPERATIONAL})


def begin_later(incident: Incident) -> None:
    operations.edit_incident(by=ANYBODY, incident=incident, details={"started_at": NOW - 4 * HOUR})


def break_by_hand(_incident: Incident) -> None:
    mail = Component.objects.get(slug="mail")
    operations.set_component_status(by=ANYBODY, component=mail, status=ComponentStatus.PARTIAL_OUTAGE, at=NOW - HOUR)


def withdraw_and_publish_again(incident: Incident) -> None:
    operations.withdraw(by=ANYBODY, incident=incident)
    operations.publish_again(by=ANYBODY, incident=incident)


def withdraw(incident: Incident) -> None:
    operations.withdraw(by=ANYBODY, incident=incident)


CHANGES = (withdraw, withdraw_and_publish_again, resolve, repair, begin_later, break_by_hand)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_store_has_no_differences_after_a_change_of_an_overlapping_incident(
    outage: Incident, change: Callable[[Incident], None]
) -> None:
    assert list(differences()) == []
    change(outage)
    assert list(differences()) == []


def test_withdrawal_shows_everywhere_what_the_other_incident_leaves(outage: Incident) -> None:
    shown = {
        "/en/": ("Major outage", "Some systems have degraded performance"),
        "/en/banner/": (">Outage</a>", ">Slow</a>"),
        "/en/badge.svg": ("Major outage", "Degraded performance"),
        "/en/components/mail/": ("<strong>Major outage", "<strong>Degraded performance"),
        "/api/v2/status.json": ('"critical"', '"minor"'),
        "/api/v2/components.json": ('"major_outage"', '"degraded_performance"'),
        "/en/feed.json": ("mail (en): Major outage", "mail (en): Degraded performance"),
        "/en/components/mail/feed.json": ("mail (en): Major outage", "mail (en): Degraded performance"),
        # The other incident names this component too.
        "/en/components/web/feed.json": ("mail (en): Major outage (for another", "mail (en): Degraded performance"),
        "/history.atom": ("mail (da): Større nedbrud", "mail (da): Nedsat ydeevne"),
    }
    for path, (before, _after) in shown.items():
        assert before in published(path), path
    operations.withdraw(by=ANYBODY, incident=outage)
    for path, (before, after) in shown.items():
        assert after in published(path), path
        assert before not in published(path), path
