"""A change republishes exactly the documents that it touches; no others are rendered, however many there are."""

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from random import Random

import pytest
import time_machine

from incidents import operations
from incidents.models import Component, Incident, Page, StaleSubject
from incidents.publishing import stale
from incidents.publishing.documents.api import CONTENTS, ApiDocument
from incidents.publishing.documents.assets import Assets
from incidents.publishing.documents.social import SocialPicture
from incidents.publishing.store import renditions
from incidents.publishing.store.renditions import Renderer, Rendition
from incidents.publishing.store.run import Report, Run
from incidents.status import ComponentStatus
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import make_component, make_incident, make_maintenance, make_page, make_statement, make_update
from tests.publishing.blank import publish_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("public_store")]

NOW = datetime(2023, 12, 12, 10, 0, tzinfo=UTC)
# Documents that every change touches: in each language, and without a language.
ALWAYS = {"/", "/history/", "/feed.atom", "/feed.rss", "/feed.json"}
SINGLE = {"/history.atom", "/history.rss"}
# Its content changes only when a year begins.
INDEX = {"/sitemap.xml"}


def in_each_language(*paths: str) -> set[str]:
    return {f"/{language}{path}" for language, path in product(("da", "en"), paths)}


BADGES = in_each_language("/badge.svg") | {"/badge.svg"}
BANNER = in_each_language("/banner/")


def of_component(slug: str) -> set[str]:
    page = f"/components/{slug}/"
    return BADGES | BANNER | in_each_language(page, f"{page}feed.atom", f"{page}feed.rss", f"{page}feed.json")


def of_incident(incident: Incident, month: str) -> set[str]:
    sitemaps = {"/sitemap.xml", f"/sitemap-{month[:4]}.xml"}
    return BADGES | BANNER | sitemaps | in_each_language(f"/incidents/{incident.pk}/", f"/history/{month}/")


@pytest.fixture(autouse=True)
def fixed_time() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture(scope="module")
def kept_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("touched") / "public"


@pytest.fixture(autouse=True)
def world(public_store: Path, kept_store: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Component]:
    """Two components with an old incident each, all published; the ids are the same each time."""
    random = Random(0)
    with monkeypatch.context() as patch:
        patch.setattr(secrets, "randbits", random.getrandbits)
        patch.setattr(stale, "publish_for_readers", lambda: None)
        make_page()
        components = {slug: make_component(slug) for slug in ("mail", "web")}
        for component in components.values():
            past_incident(component, NOW - timedelta(days=70))
    StaleSubject.objects.all().delete()
    publish_once(public_store, kept_store)
    return components


def past_incident(component: Component, at: datetime) -> Incident:
    statement = make_statement(at=at, components={component.pk: ComponentStatus.MAJOR_OUTAGE})
    incident = make_incident(statement=statement, started_at=at)
    operations.resolve(by=ANYBODY, incident=incident, text=Text(en="Over."), at=at + timedelta(hours=1), notify=False)
    return incident


class Watched:
    """What was rendered, and what was written or deleted."""

    def __init__(self) -> None:
        self.rendered: set[str] = set()
        self.rendered_api: set[str] = set()  # apart, because each has the time of the last change
        self.changed: set[str] = set()


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch, world: dict[str, Component]) -> Watched:
    seen = Watched()
    render, finish = Renderer.render, Run.finish

    def watched_render(renderer: Renderer, rendition: Rendition) -> str | bytes | None:
        if not isinstance(rendition.document, Assets | SocialPicture):  # these are the same bytes for all
            of_api = isinstance(rendition.document, ApiDocument)
            (seen.rendered_api if of_api else seen.rendered).add(rendition.path)
        return render(renderer, rendition)

    def watched_finish(run: Run) -> Report:
        report = finish(run)
        seen.changed |= {path for path in (*report.written, *report.deleted) if "/api/v2/" not in path}
        return report

    monkeypatch.setattr(Renderer, "render", watched_render)
    monkeypatch.setattr(Run, "finish", watched_finish)
    return seen


@pytest.mark.usefixtures("watched")
def test_new_incident_touches_its_page_month_and_component(watched: Watched, world: dict[str, Component]) -> None:
    incident = make_incident(components={world["mail"]: ComponentStatus.MAJOR_OUTAGE})
    expected = in_each_language(*ALWAYS) | SINGLE | of_incident(incident, "2023/12") | of_component("mail")
    assert watched.rendered == expected
    assert watched.changed == expected - INDEX


def test_update_touches_the_same_documents_but_does_not_change_the_history_index(
    watched: Watched, world: dict[str, Component]
) -> None:
    statement = make_statement(at=NOW - timedelta(hours=1), components={world["mail"].pk: ComponentStatus.MAJOR_OUTAGE})
    incident = make_incident(statement=statement)
    watched.rendered, watched.changed = set(), set()
    make_update(incident, text=Text(da="Det går bedre.", en="It is better."))
    expected = in_each_language(*ALWAYS) | SINGLE | of_incident(incident, "2023/12") | of_component("mail")
    assert watched.rendered == expected
    assert watched.changed == expected - in_each_language("/history/") - BADGES - BANNER - INDEX - {"/sitemap-2023.xml"}


def test_correction_and_withdrawal_touch_the_same_documents_as_the_incident(
    watched: Watched, world: dict[str, Component]
) -> None:
    incident = make_incident(components={world["web"]: ComponentStatus.MAJOR_OUTAGE})
    expected = in_each_language(*ALWAYS) | SINGLE | of_incident(incident, "2023/12") | of_component("web")
    watched.rendered = set()
    operations.correct_update(by=ANYBODY, update=incident.updates.get(), text=Text(da="Rettet.", en="Corrected."))
    assert watched.rendered == expected
    watched.rendered, watched.changed = set(), set()
    operations.withdraw(by=ANYBODY, incident=incident)
    assert watched.rendered == expected
    assert watched.changed == expected - INDEX


def test_moved_incident_touches_the_month_it_leaves_too(watched: Watched) -> None:
    incident = make_incident()
    watched.rendered = set()
    operations.edit_incident(by=ANYBODY, incident=incident, details={"started_at": NOW - timedelta(days=30)})
    expected = in_each_language(*ALWAYS) | SINGLE | of_incident(incident, "2023/12") | of_incident(incident, "2023/11")
    assert watched.rendered == expected


def test_planned_maintenance_touches_its_list_and_the_calendar_too(watched: Watched) -> None:
    planned = make_maintenance(start=NOW + timedelta(days=1), end=NOW + timedelta(days=2))
    of_maintenance = in_each_language("/maintenance/", "/maintenance.ics", f"/incidents/{planned.pk}/maintenance.ics")
    expected = in_each_language(*ALWAYS) | SINGLE | of_incident(planned, "2023/12") | of_maintenance
    assert watched.rendered == expected
    assert watched.changed == expected - BADGES - BANNER - INDEX


def test_draft_touches_nothing(watched: Watched) -> None:
    make_incident(draft=True)
    assert watched.rendered == set()


def test_status_of_a_component_touches_its_documents(watched: Watched, world: dict[str, Component]) -> None:
    operations.set_component_status(by=ANYBODY, component=world["mail"], status=ComponentStatus.DEGRADED_PERFORMANCE)
    assert watched.rendered == in_each_language(*ALWAYS) | SINGLE | of_component("mail")
    assert watched.changed == in_each_language("/", "/components/mail/") | BADGES | BANNER


def test_status_of_a_component_touches_the_api_but_a_new_day_does_not(
    watched: Watched, world: dict[str, Component]
) -> None:
    Page.objects.update(shown_day=NOW.date() - timedelta(days=1))
    stale.mark_new_day()
    assert watched.rendered_api == set()
    operations.set_component_status(by=ANYBODY, component=world["mail"], status=ComponentStatus.DEGRADED_PERFORMANCE)
    assert watched.rendered_api == {f"{start}/api/v2/{name}.json" for start in ("", "/da", "/en") for name in CONTENTS}


def test_new_day_touches_home_and_the_bars_of_components(watched: Watched) -> None:
    Page.objects.update(shown_day=NOW.date() - timedelta(days=1))
    stale.mark_new_day()
    sitemaps = {"/sitemap.xml", "/sitemap-2023.xml"}
    bars = in_each_language("/components/mail/", "/components/web/", "/maintenance.ics")
    months = in_each_language("/history/2023/11/", "/history/2023/12/")
    assert watched.rendered == in_each_language(*ALWAYS) | months | SINGLE | bars | sitemaps


def test_name_of_the_page_touches_every_document(watched: Watched) -> None:
    operations.edit_page(by=ANYBODY, fields={"name": Text(da="Nyt navn", en="New name")})
    every = renditions.all_renditions()
    expected = {rendition.path for rendition in every if not isinstance(rendition.document, Assets | SocialPicture)}
    assert watched.rendered | watched.rendered_api == expected
