"""Documents that are published together: they are read together, and equal to those that are published alone."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from incidents.management import sample
from incidents.publishing.documents.pages import IncidentPage
from incidents.publishing.store.renditions import Renderer, Rendition, all_renditions, batches
from incidents.publishing.store.run import Run
from tests.factories import make_incident

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("public_store")]


@pytest.fixture(autouse=True)
def fixed_time() -> Iterator[None]:
    with time_machine.travel(datetime(2023, 12, 12, 10, 0, tzinfo=UTC), tick=False):
        yield


def rendered_alone(rendition: Rendition) -> str | bytes | None:
    return Renderer().render(rendition)


def test_document_published_alone_equals_that_of_a_rebuild() -> None:
    sample.load()
    every = list(all_renditions())
    together = Renderer()
    together.expect(every)
    assert [one.path for one in every if together.render(one) != rendered_alone(one)] == []


def queries_to_publish(turn: list[Rendition]) -> int:
    run = Run()
    with CaptureQueriesContext(connection) as captured:
        run.write(turn)
    report = run.finish()
    assert len(report.written) + len(report.unchanged) == len(turn)
    return len(captured)


def test_number_of_queries_of_a_turn_does_not_depend_on_its_incidents() -> None:
    make_incident()
    [few] = batches(IncidentPage(), 50)
    for _ in range(5):
        make_incident()
    [many] = batches(IncidentPage(), 50)
    assert queries_to_publish(many) == queries_to_publish(few)
