"""Documents that are published together: they are read together, and equal to those that are published alone."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from incidents import links
from incidents.management import sample
from incidents.publishing.documents.pages import IncidentPage
from incidents.publishing.store.renditions import (
    Renderer,
    Rendition,
    all_renditions,
    archive_jobs,
    jobs_by_kind,
    renditions_of,
)
from incidents.publishing.store.run import Run
from tests.factories import make_incident, make_statement

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("public_store")]


@pytest.fixture(autouse=True)
def fixed_time() -> Iterator[None]:
    with time_machine.travel(datetime(2023, 12, 12, 10, 0, tzinfo=UTC), tick=False):
        yield


def turns(size: int) -> list[list[Rendition]]:
    return [turn for jobs in jobs_by_kind(size) for job in jobs for turn in job]


def test_document_published_alone_equals_that_of_a_rebuild() -> None:
    sample.load()
    differing = []
    for turn in turns(100):
        together = Renderer()
        together.expect(turn)
        differing += [one.path for one in turn if together.render(one) != Renderer().render(one)]
    assert differing == []


def test_rebuild_has_every_document_once() -> None:
    sample.load()
    expected = Counter(one.path for one in all_renditions())
    assert set(expected.values()) == {1}
    for size in (1, 7, 100):
        assert Counter(one.path for turn in turns(size) for one in turn) == expected
        assert max(map(len, turns(size))) <= size


def test_archive_is_written_from_the_newest_month_on_and_each_month_after_its_incidents() -> None:
    old, older = (
        make_incident(started_at=at, statement=make_statement(at=at))
        for at in (timezone.now() - timedelta(days=40), timezone.now() - timedelta(days=41))
    )
    paths = [one.path for job in archive_jobs(2) for turn in job for one in turn if one.language == "en"]
    incidents = [links.incident(incident.pk, "en") for incident in (old, older)]
    assert paths == ["/en/history/2023/12/", *incidents, "/en/history/2023/11/"]


def queries_to_publish(turn: list[Rendition]) -> int:
    run = Run()
    with CaptureQueriesContext(connection) as captured:
        run.write(turn)
    report = run.finish()
    assert len(report.written) + len(report.unchanged) == len(turn)
    return len(captured)


def pages_of_incidents() -> list[Rendition]:
    document = IncidentPage()
    return [rendition for key in document.all_keys() for rendition in renditions_of(document, key)]


def test_number_of_queries_of_a_turn_does_not_depend_on_its_incidents() -> None:
    make_incident()
    few = pages_of_incidents()
    for _ in range(5):
        make_incident()
    assert queries_to_publish(pages_of_incidents()) == queries_to_publish(few)
