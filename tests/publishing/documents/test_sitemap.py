"""The sitemaps list every public page in every language, and no others."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest
import time_machine

from incidents import operations
from incidents.publishing.store.publisher import publish_all
from tests.actors import ANYBODY
from tests.factories import make_component, make_incident, make_page, make_statement

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("public_store")]

NOW = datetime(2023, 1, 12, 10, 0, tzinfo=UTC)
NAMES = {"s": "http://www.sitemaps.org/schemas/sitemap/0.9", "x": "http://www.w3.org/1999/xhtml"}
BASE = "https://status.example.dk"


@pytest.fixture(autouse=True)
def fixed_time() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def locations(file: Path) -> list[str]:
    elements = ElementTree.parse(file).findall(".//s:loc", NAMES)
    return [(one.text or "").removeprefix(BASE) for one in elements]


def test_sitemaps_list_exactly_the_public_pages(public_store: Path) -> None:
    make_page()
    make_component("mail"), make_component("secret", hidden=True)
    # After midnight on New Year's Day in Copenhagen, but still the old year in UTC.
    new_year = datetime(2022, 12, 31, 23, 30, tzinfo=UTC)
    old = make_incident(started_at=NOW - timedelta(days=60), statement=make_statement(at=NOW - timedelta(days=60)))
    new = make_incident(started_at=new_year, statement=make_statement(at=new_year))
    make_incident(draft=True), operations.withdraw(by=ANYBODY, incident=make_incident())
    publish_all()
    assert locations(public_store / "sitemap.xml") == ["/sitemap-pages.xml", "/sitemap-2022.xml", "/sitemap-2023.xml"]
    listed = [path for file in public_store.glob("sitemap-*.xml") for path in locations(file)]
    pages = {f"/{file.parent.relative_to(public_store)}/" for file in public_store.rglob("index.html")}
    assert sorted(listed) == sorted(pages - {"/da/banner/", "/en/banner/"})
    assert f"/da/incidents/{old.pk}/" in locations(public_store / "sitemap-2022.xml")
    assert f"/en/incidents/{new.pk}/" in locations(public_store / "sitemap-2023.xml")
    _each_entry_names_its_languages(public_store / "sitemap-2023.xml", f"/incidents/{new.pk}/")
    assert (public_store / "robots.txt").read_text() == f"User-agent: *\nAllow: /\n\nSitemap: {BASE}/sitemap.xml\n"


def _each_entry_names_its_languages(file: Path, path: str) -> None:
    entry = ElementTree.parse(file).find(f"s:url[s:loc='{BASE}/da{path}']", NAMES)
    assert entry is not None
    assert entry.findtext("s:lastmod", "", NAMES) == "2023-01-12T10:00:00Z"
    assert {link.get("hreflang"): link.get("href") for link in entry.findall("x:link", NAMES)} == {
        "da": f"{BASE}/da{path}",
        "en": f"{BASE}/en{path}",
        "x-default": f"{BASE}/da{path}",
    }
