"""The audit log in a browser: found by a filter, opened and downloaded; accessible on screen and phone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Browser, Page, expect

from harness.product import Product
from tests.e2e.test_newsroom import PHONE, open_newsroom
from tests.support.display import display_problems

ENTRIES = """
INSERT INTO incidents_auditentry (
    at, actor_kind, actor_name, "user", roles, network, operation, kind, object_id, object_name, incident_id,
    before, after
)
SELECT now(), 'person', 'admin', 1, '["Administrators", "Editors"]', '2001:db8:4711::/48', deed, 'incident', id, title,
       id, jsonb_build_object('title', title, 'impact', 'minor'),
       jsonb_build_object('title', '{"da": "Mail er nede i hele landet", "en": "Mail is down everywhere"}'::jsonb,
                          'impact', 'critical')
  FROM incidents_incident, (VALUES ('edit_incident'), ('withdraw')) AS deeds (deed)
 WHERE kind = 'incident'
"""


@pytest.fixture(scope="module")
def site(product: Callable[..., Product]) -> Product:
    started = product(sample_data=True)
    with psycopg.connect(started.variables["DATABASE_URL"]) as connection:
        connection.execute(ENTRIES)
    return started


def problems(page: Page) -> list[object]:
    return display_problems(page, "light") + display_problems(page, "dark")


@pytest.mark.parametrize(
    "options",
    [
        {"locale": "da-DK", "viewport": {"width": 1280, "height": 900}},
        {"locale": "en-GB", "viewport": PHONE, "has_touch": True},
    ],
    ids=["da-1280", "en-390"],
)
def test_entry_is_found_read_and_downloaded(
    site: Product, browser: Browser, tmp_path: Path, options: dict[str, Any]
) -> None:
    person = open_newsroom(site, browser, **options)
    page = person.page
    person.logs_in()
    page.goto(f"{site.url}/admin/incidents/auditentry/?action=withdraw")
    found = problems(page)
    with page.expect_download() as download:
        page.click("a[download]")
    lines = Path(download.value.path()).read_text(encoding="utf-8").splitlines()
    expect(page.locator("#result_list tbody tr")).to_have_count(len(lines))
    page.locator("#result_list a").first.click()
    expect(page.locator(".differences ins").first).to_be_visible()
    found += problems(page)
    page.locator("td a[href*='/incident/']").click()
    page.locator("a[href$='/history/']").click()
    expect(page.locator("#content a[href*='/auditentry/']").first).to_be_visible()
    found += problems(page)
    assert found == []
    page.context.close()
