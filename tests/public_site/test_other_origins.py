"""Scripts of other websites read the API, with headers of their own and in the language that they ask for."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.public_site import files
from incidents.public_site.app import PublicSite
from incidents.public_site.negotiation import language_of_query
from tests.public_site.sites import DOCUMENTS, published, site
from tests.support.wsgi import ask

API = "/api/v2/status.json"
OPEN = [path for path in DOCUMENTS if path.endswith(".json")]


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PublicSite:
    monkeypatch.setattr(files, "RECHECK_AFTER", 0)
    return site(published(tmp_path / "public").root)


@pytest.mark.parametrize("path", OPEN)
def test_preflight_allows_headers(page: PublicSite, path: str) -> None:
    answer = ask(
        page,
        path,
        method="OPTIONS",
        origin="https://intranet.example.dk",
        access_control_request_method="GET",
        access_control_request_headers="cache-control,x-widget",
    )
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Allow-Methods"] == answer.headers["Allow"] == "GET, HEAD, OPTIONS"
    assert answer.headers["Access-Control-Allow-Headers"] == "*"
    assert answer.headers["Access-Control-Max-Age"] == "86400"
    assert answer.headers["Vary"] is answer.headers["Access-Control-Allow-Credentials"] is None


def test_api_says_which_methods_it_has(page: PublicSite) -> None:
    answer = ask(page, API, method="POST")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")


@pytest.mark.parametrize("path", [path for path in DOCUMENTS if path not in OPEN])
def test_other_documents_have_no_preflight(page: PublicSite, path: str) -> None:
    answer = ask(page, path, method="OPTIONS")
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (405, None)


@pytest.mark.parametrize("path", ["/api/v1/pages.json", "/api/v2/none.json", "/da/subscribe/"])
def test_preflight_of_other_addresses_is_passed_to_django(page: PublicSite, path: str) -> None:
    assert ask(page, path, method="OPTIONS").headers["X-From"] == "Django"


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("lang=en", "/en/api/v2/status.json"),
        ("lang=da", "/da/api/v2/status.json"),
        ("theme=dark&lang=en-GB", "/en/api/v2/status.json"),
        ("lang=de", API),
        ("lang=", API),
        ("language=en", API),
        ("lang=../en", API),
    ],
)
def test_query_chooses_the_language(page: PublicSite, query: str, path: str) -> None:
    by_query, by_path = ask(page, API, query=query), ask(page, path)
    assert (by_query.status, by_query.body) == (200, DOCUMENTS[path].encode())
    assert by_query.headers.items() == by_path.headers.items()
    head = ask(page, API, method="HEAD", query=query)
    assert (head.status, head.body, head.headers.items()) == (200, b"", by_path.headers.items())
    again = ask(page, API, query=query, if_none_match=by_path.headers["ETag"])
    assert (again.status, again.headers["Access-Control-Allow-Origin"]) == (304, "*")
    assert ask(page, API, query=query, method="OPTIONS").status == 204


@pytest.mark.parametrize("path", ["/en/api/v2/status.json", "/en/feed.json", "/da/", "/da/feed.atom"])
def test_language_of_the_path_wins(page: PublicSite, path: str) -> None:
    for query in ("lang=da", "lang=en"):
        assert ask(page, path, query=query).body == DOCUMENTS[path].encode()


def test_document_that_was_withdrawn_is_gone_in_every_language(page: PublicSite) -> None:
    assert ask(page, "/api/v2/none.json", query="lang=en").headers["X-From"] == "Django"


@pytest.mark.parametrize(
    ("query", "chosen"),
    [
        ("lang=pt-BR", "pt-br"),
        ("lang=PT-br-x-a", "pt-br"),
        ("lang=pt", ""),
        ("lang=en&lang=da", "en"),
        ("lang=&lang=en", ""),
        ("a&LANG=en", "en"),
        ("slang=en", ""),
        ("lang=english", ""),
        ("lang=en%2D", ""),
    ],
)
def test_languages_of_queries(query: str, chosen: str) -> None:
    assert language_of_query(query, ("da", "en", "pt-br")) == chosen


@given(st.text(max_size=600))
def test_any_query_names_one_of_the_languages_or_none(query: str) -> None:
    assert language_of_query(query, ("da", "en")) in {"da", "en", ""}
    assert language_of_query(f"lang={query}", ("da", "en")) in {"da", "en", ""}
