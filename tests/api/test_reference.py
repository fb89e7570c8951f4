"""The reference page of the API, for people."""

import re

import pytest
from django.test import Client

from incidents.api.application import api
from incidents.api.reference import coded, linked, type_of
from tests.factories import make_page

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("language", "title"), [("da", "API-reference"), ("en", "API reference")])
def test_every_operation_and_object_is_described_in_a_page_of_both_languages(language: str, title: str) -> None:
    make_page()
    answer = Client().get(f"/{language}/api-reference/")
    page = answer.content.decode()
    assert (answer.status_code, f"<h1>{title}</h1>" in page) == (200, True)
    document = api.get_openapi_schema()
    for address, methods in document["paths"].items():
        for method in methods:
            assert f"<code>{method.upper()} {address}</code>" in page
    assert page.count("<code>scheduled_auto_completed</code>") >= 1


def test_page_has_no_cookie_and_nothing_of_others() -> None:
    make_page()
    answer = Client().get("/en/api-reference/")
    assert not answer.cookies
    sources = re.findall(r'(?:src|rel="stylesheet" href)="([^"]+)"', answer.content.decode())
    assert [one for one in sources if not one.startswith("/")] == []
    assert "<script>" not in answer.content.decode()


def test_every_object_that_is_named_is_described() -> None:
    make_page()
    page = Client().get("/en/api-reference/").content.decode()
    ids, links = re.findall(r' id="([^"]+)"', page), re.findall(r'href="#([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(links) - set(ids) == set()
    assert {"ApiIncident", "ComponentStatus", "ApiProblem", "incidents"} <= set(links)


def test_danish_page_says_what_is_in_english() -> None:
    make_page()
    page = Client().get("/da/api-reference/").content.decode()
    assert "Enkeltheder og typer står på engelsk" in page
    assert "Opret en hændelse, eller planlæg vedligeholdelse</h3>" in page
    assert "Enkeltheder" not in Client().get("/en/api-reference/").content.decode()


def test_types_are_linked_and_words_of_code_are_marked() -> None:
    assert linked("list of ApiPage or null") == 'list of <a href="#ApiPage">ApiPage</a> or null'
    assert coded("`q` is <new>") == "<code>q</code> is &lt;new&gt;"


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"$ref": "#/components/schemas/Incident"}, "Incident"),
        ({"type": "array", "items": {"$ref": "#/x/Incident"}}, "list of Incident"),
        ({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}, "time or null"),
        ({"enum": ["minor", "major"], "type": "string"}, "one of: minor, major"),
        ({"type": "object", "additionalProperties": {"type": "string"}}, "object of text by key"),
        ({"type": "boolean"}, "true or false"),
        ({}, "anything"),
    ],
)
def test_schema_is_written_in_words(schema: dict[str, object], words: str) -> None:
    assert type_of(schema) == words
