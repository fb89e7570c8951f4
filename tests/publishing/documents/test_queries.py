"""The number of queries per document does not depend on the number of incidents, components and updates."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from incidents import operations
from incidents.models import Component, Incident
from incidents.publishing.documents.base import Subjects
from incidents.publishing.documents.registry import DOCUMENTS
from incidents.publishing.store import renditions
from incidents.publishing.store.renditions import Renderer, Rendition, renditions_of
from incidents.status import ComponentStatus, Phase
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import make_component, make_incident, make_maintenance, make_page, make_statement, make_update
from tests.test_images import PNG

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("public_store")]

NOW = datetime(2023, 12, 12, 10, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def fixed_time() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def mail() -> Component:
    """The component of a page with one old incident and one planned maintenance."""
    make_page()
    operations.change_logo(by=ANYBODY, content=PNG)
    component = make_component("mail")
    past_incident(component, NOW - timedelta(days=70))
    plan(component)
    return component


def past_incident(component: Component, at: datetime) -> Incident:
    statement = make_statement(at=at, components={component.pk: ComponentStatus.MAJOR_OUTAGE})
    incident = make_incident(statement=statement, started_at=at)
    operations.resolve(by=ANYBODY, incident=incident, text=Text(en="Over."), at=at + timedelta(hours=1), notify=False)
    return incident


def plan(component: Component) -> None:
    make_maintenance(start=NOW + timedelta(days=1), end=NOW + timedelta(days=2), components=(component,))


def queries(work: Callable[[], object]) -> int:
    with CaptureQueriesContext(connection) as captured:
        work()
    return len(captured)


def grow(mail: Component) -> None:
    """Add components, incidents, updates and planned maintenances."""
    more = [mail, *(make_component() for _ in range(6))]
    for number, component in enumerate(more * 2):
        incident = past_incident(component, NOW - timedelta(days=2 + number))
        make_update(incident, phase=Phase.POSTMORTEM, at=NOW - timedelta(days=1))
    for component in more:
        plan(component)


def queries_of(some: list[Rendition]) -> dict[str, int]:
    return {f"{type(one.document).__name__} {one.path}": queries(lambda: Renderer().render(one)) for one in some}  # noqa: B023


def test_number_of_queries_per_document_is_fixed(mail: Component, settings: Settings) -> None:
    settings.SECURITY_CONTACT = "mailto:security@example.dk"  # without it, there is no such document
    one_of_each = [next(renditions_of(document, next(iter(document.all_keys())))) for document in DOCUMENTS]
    few = queries_of(one_of_each)
    grow(mail)
    many = queries_of(one_of_each)
    assert len(few) == len(DOCUMENTS)
    assert {name: (few[name], many[name]) for name in few if many[name] > few[name]} == {}


def test_number_of_queries_to_find_touched_documents_is_fixed(mail: Component) -> None:
    subjects = Subjects(frozenset({f"component:{mail.pk}", "month:2023-12", "incident:k3j9x2m4p7qa"}))
    few = queries(lambda: list(renditions.touched_renditions(subjects)))
    grow(mail)
    assert queries(lambda: list(renditions.touched_renditions(subjects))) == few
