"""The search in the history: what it finds, how it shows results, and what it refuses."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from incidents import operations
from incidents.models.text_search import vectors
from incidents.search.results import PAGE_SIZE, find
from incidents.status import Phase
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import make_incident, make_maintenance, make_page, make_statement, make_update

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _clock() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        make_page()
        yield


def search(query: str = "", language: str = "da", **more: str) -> HttpResponse:
    return Client().get(f"/{language}/search/", {"q": query, **more})  # type: ignore[return-value]


def found(query: str, language: str = "da") -> list[str]:
    return [hit.story.incident.pk for hit in find(query, language).hits]


def shown(answer: HttpResponse) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def test_words_are_found_in_each_languages_own_forms() -> None:
    incident = make_incident(title=Text(da="Serverne var langsomme", en="The servers were failing"))
    assert found("server") == found("langsom") == [incident.pk]
    assert found("fails", "en") == [incident.pk]
    assert found("printer") == []


def test_every_text_that_readers_see_is_searched() -> None:
    incident = make_incident(
        statement=make_statement(text=Text(da="Alfa"), quote="Bravo", quote_language="en"),
        user_impact=Text(da="Charlie"),
        scope=Text(da="Delta"),
        workaround=Text(da="Ekko"),
        root_cause=Text(da="Foxtrot"),
        next_steps=Text(da="Golf"),
        upstream_name="Hotel",
    )
    for word in "alfa bravo charlie delta ekko foxtrot golf hotel".split():
        assert found(word) == [incident.pk], word


def test_words_may_be_in_different_texts_of_one_incident() -> None:
    other = make_incident(
        title=Text(da="Printer virker ikke", en="Printer is dead"), started_at=NOW - timedelta(days=2)
    )
    incident = make_incident(title=Text(da="Printer virker ikke", en="Printer is dead"))
    make_update(incident, text=Text(da="En bærbar står på trommen.", en="A laptop stands on the drum."))
    assert found("printer tromme") == found("trommen og printer") == found("printer laptop drum", "en") == [incident.pk]
    assert found("printer") == [incident.pk, other.pk]
    assert found("printer skærm") == []
    assert "<mark>trommen</mark>" in search("printer tromme").content.decode()


def test_untranslated_texts_are_found_and_the_own_language_comes_first() -> None:
    danish = make_incident(title=Text(da="Router"), statement=make_statement(text=Text(da="Slut.")))
    english = make_incident(title=Text(en="Router"), statement=make_statement(text=Text(en="Over.")))
    assert found("router", "da") == [danish.pk, english.pk]
    assert found("router", "en") == [english.pk, danish.pk]


def test_title_outranks_the_text() -> None:
    in_text = make_incident(statement=make_statement(text=Text(da="Vi har genstartet en printer i går.")))
    in_title = make_incident(title=Text(da="Printer virker ikke"), started_at=NOW - timedelta(days=300))
    assert found("printer") == [in_title.pk, in_text.pk]


def test_drafts_withdrawn_incidents_and_unpublished_updates_are_not_found() -> None:
    make_incident(draft=True, title=Text(da="Hemmelig kladde"))
    withdrawn = make_incident(title=Text(da="Hemmelig fejl"))
    make_update(withdrawn, text=Text(da="Hemmelig tekst"))
    operations.withdraw(by=ANYBODY, incident=withdrawn)
    waiting = make_statement(Phase.MITIGATED, text=Text(da="Hemmelig plan"))
    operations.post_update(by=ANYBODY, incident=make_incident(), statement=waiting, draft=True)
    assert found("hemmelig") == []


@pytest.mark.parametrize("query", ["'", "\\", "a & | !", "(((", ":*", "' OR 1=1 --", "\x00", "%s %(words)s", "i og at"])
def test_special_characters_never_cause_an_error(query: str) -> None:
    make_incident()
    assert search(query).status_code == 200


def test_beginning_of_a_word_and_a_code_are_found() -> None:
    incident = make_incident(
        statement=make_statement(text=Text(da="Svar: `451 4.7.500 Server busy` fra webmailserver"))
    )
    assert found("webmail") == found("4.7.500") == found("451 server") == [incident.pk]


def test_found_words_are_highlighted_and_nothing_else_becomes_markup() -> None:
    make_incident(statement=make_statement(text=Text(da="Køen <script>alert(1)</script> er **tom** & <b>lang</b>.")))
    html = search("tom").content.decode()
    assert "<mark>tom</mark>" in html
    assert "<script>alert" not in html
    assert "<b>" not in html


def test_excerpt_in_another_language_says_so() -> None:
    make_incident(statement=make_statement(text=Text(en="The queue is empty.")))
    html = search("queue").content.decode()
    assert re.search(r'<p class="entry-text" lang="en" dir="auto">[^<]*<mark>queue</mark>', html)


def test_incidents_and_maintenance_are_counted_separately() -> None:
    for _each in range(2):
        make_incident(title=Text(da="Skuret"))
    make_maintenance(start=NOW, end=NOW + timedelta(hours=1), title=Text(da="Skuret"))
    assert "Fundet: 2 hændelser, 1 vedligeholdelse " in shown(search("skuret"))
    assert "Found: 2 incidents, 1 maintenance window " in shown(search("skuret", "en"))


def test_result_pages_keep_the_query() -> None:
    for _each in range(PAGE_SIZE + 1):
        make_incident(title=Text(da="Kø og æble"))
    first = search("kø æble")
    assert f"Fundet: {PAGE_SIZE + 1} hændelser " in shown(first)
    assert 'href="?q=k%C3%B8%20%C3%A6ble&amp;page=2" rel="next"' in first.content.decode()
    second = search("kø æble", page="2").content.decode()
    assert second.count('<li class="entry">') == 1
    assert 'rel="prev"' in second
    assert 'href="/en/search/?q=k%C3%B8+%C3%A6ble"' in second
    for nonsense in ("0", "-1", "x", "99999999999999999999", "٢"):
        assert search("kø", page=nonsense).status_code == 200


def test_page_without_results_suggests_what_to_do() -> None:
    assert "Intet fundet" in shown(search("printer"))
    assert "Prøv med færre ord." in shown(search("printer"))


def test_too_long_query_is_refused_and_shown_again() -> None:
    answer = search("x" * 101)
    assert answer.status_code == 422
    assert "højst 100 tegn" in shown(answer)
    assert "x" * 101 in answer.content.decode()


def test_too_many_searches_from_one_network_are_refused_for_a_while() -> None:
    statuses = [search("printer").status_code for _each in range(62)]
    assert statuses.count(429) == 2
    assert search("").status_code == 200
    with time_machine.travel(NOW + timedelta(minutes=1), tick=False):
        assert search("printer").status_code == 200


def test_searches_without_a_readable_address_are_limited_too() -> None:
    client = Client(REMOTE_ADDR="")
    statuses = [client.get("/da/search/", {"q": "printer"}).status_code for _each in range(62)]
    assert statuses.count(429) == 2


def test_page_sets_no_cookie_and_is_not_indexed() -> None:
    answer = search("printer")
    assert not answer.cookies
    assert answer.headers["X-Robots-Tag"] == "noindex"
    assert '<meta name="robots" content="noindex">' in answer.content.decode()
    assert Client().post("/da/search/").status_code in {403, 405}


def test_number_of_queries_does_not_depend_on_the_results(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    make_incident()
    search("mail")
    with django_assert_num_queries(11):
        search("mail")
    for _each in range(5):
        make_update(make_incident())
    with django_assert_num_queries(11):
        search("mail")


@pytest.mark.parametrize("language", ["da", "en"])
def test_queries_use_the_indexes(language: str) -> None:
    """PostgreSQL matches an index by its exact expression, so query and index must be the same."""
    with connection.cursor() as cursor:
        # With the few rows of a test, PostgreSQL would use any other index.
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("DROP INDEX update_newest, update_due")
        for vector in vectors(language):
            cursor.execute(
                f"EXPLAIN SELECT 1 FROM {vector.table} WHERE published_at IS NOT NULL "
                f"AND {vector.expression} @@ to_tsquery('simple', 'printer')"
            )
            plan = "\n".join(line for (line,) in cursor.fetchall())
            assert f"{vector.table.removeprefix('incidents_')}_search_{language}" in plan


def test_language_without_an_index_is_searched(settings: Settings) -> None:
    settings.LANGUAGES = [*settings.LANGUAGES, ("de", "Deutsch")]
    incident = make_incident(title=Text(de="Die Häuser sind dunkel"))
    assert found("haus", "de") == found("häuser", "de") == [incident.pk]
