"""A script on another website reads the API in a browser, with a header of its own and in both languages."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from playwright.sync_api import Error, Page

from harness.product import Product
from tests.support.wsgi import serving

# Like the widgets: the path is replaced, and the query of the page's address stays.
FETCH = """
async ([page, path, options]) => {
    const address = new URL(page);
    address.pathname = path;
    const answer = await fetch(address, options);
    return [answer.status, answer.headers.get("Content-Language"), await answer.json()];
}
"""
OWN_HEADERS = {"X-Widget": "1", "Cache-Control": "no-cache", "Content-Type": "application/json"}


@pytest.fixture(scope="module")
def site(product: Callable[..., Product]) -> Product:
    return product(sample_data=True)


@pytest.fixture
def elsewhere(browser_page: Page) -> Iterator[Page]:
    """A page of another origin."""

    def website(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
        return [b"<!doctype html><title>Intranet</title>"]

    with serving(website) as port:
        browser_page.goto(f"http://127.0.0.1:{port}/")
        yield browser_page


def fetch(page: Page, address: str, path: str, **options: Any) -> Any:
    return page.evaluate(FETCH, [address, path, {"headers": OWN_HEADERS, **options}])


def test_script_with_its_own_headers_gets_the_language_of_the_query(site: Product, elsewhere: Page) -> None:
    summaries: dict[str, Any] = {}
    for query, language in (("?lang=en", "en"), ("?lang=da", "da"), ("", "da"), ("?lang=de", "da")):
        status, spoken, summary = fetch(elsewhere, f"{site.url}/{query}", "/api/v2/summary.json")
        assert (status, spoken) == (200, language)
        assert summaries.setdefault(language, summary) == summary
        assert summary == fetch(elsewhere, site.url, f"/{language}/api/v2/summary.json")[2]
    names = [[incident["name"] for incident in summaries[code]["incidents"]] for code in ("da", "en")]
    assert names[0] != names[1]


def test_script_may_not_write_or_send_cookies(site: Product, elsewhere: Page) -> None:
    for options in ({"method": "PUT"}, {"credentials": "include"}):
        with pytest.raises(Error, match="Failed to fetch"):
            fetch(elsewhere, site.url, "/api/v2/summary.json", **options)
