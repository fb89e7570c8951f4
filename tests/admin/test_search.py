"""The search in the newsroom's lists: words of all texts, drafts included, however their letters are typed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from incidents import operations
from incidents.models import Bounce, Incident, Subscriber, Update
from incidents.models.text_search import ADDRESS_PARTS, newsroom_vectors
from incidents.notifications import outbox
from incidents.status import Phase
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import make_incident, make_maintenance, make_statement, make_subscriber, make_update

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def found(client: Client, query: str, model: str = "incident", **more: str) -> list[Any]:
    answer = client.get(reverse(f"admin:incidents_{model}_changelist"), {"q": query, **more})
    rows: list[Any] = list(answer.context["cl"].result_list)
    return [row.pk for row in rows]


@pytest.mark.parametrize(
    ("word", "query"),
    [
        ("café", "cafe"),
        ("cafe", "CAFÉ"),
        ("åbning", "abning"),
        ("Åbning", "aabning"),
        ("aabning", "åbning"),
        ("ærø", "aero"),
        ("Ærø", "aeroe"),
        ("møller", "moller"),
        ("Møller", "moeller"),
        ("Köln", "koln"),
        ("serverne", "serveren"),
        ("webmail", "webm"),
    ],
)
def test_words_are_found_without_exact_accents_and_in_other_forms(publisher: Client, word: str, query: str) -> None:
    title = make_incident(title=Text(da=f"Fejl i {word}"))
    text = make_incident(statement=make_statement(text=Text(da=f"Der er fejl i {word}.")))
    make_incident()
    assert sorted(found(publisher, query)) == sorted([title.pk, text.pk])


def test_every_text_of_an_incident_is_searched(publisher: Client) -> None:
    incident = make_incident(
        statement=make_statement(text=Text(da="Alfa", en="Bravo"), quote="Charlie", quote_language="en"),
        user_impact=Text(da="Delta"),
        root_cause=Text(en="Ekko"),
        upstream_name="Foxtrot",
    )
    for word in "alfa bravo charlie delta ekko foxtrot".split():
        assert found(publisher, word) == [incident.pk], word
    assert found(publisher, "alfa delta") == [incident.pk]
    assert found(publisher, "alfa golf") == []


def test_drafts_and_withdrawn_incidents_are_found(publisher: Client) -> None:
    draft = make_incident(draft=True, title=Text(da="Hemmelig kladde"))
    incident = make_incident()
    waiting = make_statement(Phase.MITIGATED, text=Text(da="Hemmelig plan"))
    operations.post_update(by=ANYBODY, incident=incident, statement=waiting, draft=True)
    withdrawn = make_incident(title=Text(da="Hemmelig fejl"))
    operations.withdraw(by=ANYBODY, incident=withdrawn)
    assert sorted(found(publisher, "hemmelig")) == sorted([draft.pk, incident.pk, withdrawn.pk])


def test_titles_come_first_and_then_the_newest(publisher: Client) -> None:
    text_of_today = make_incident(statement=make_statement(text=Text(da="En printer mangler.")), started_at=NOW)
    text_of_yesterday = make_incident(started_at=NOW - timedelta(days=1))
    make_update(text_of_yesterday, text=Text(da="En printer mangler."))
    old_title = make_incident(title=Text(en="Printer is dead"), started_at=NOW - timedelta(days=300))
    new_title = make_incident(title=Text(da="Printeren er død"), started_at=NOW - timedelta(days=200))
    in_order = [new_title.pk, old_title.pk, text_of_today.pk, text_of_yesterday.pk]
    assert found(publisher, "printer") == in_order
    by_start = [text_of_today.pk, text_of_yesterday.pk, new_title.pk, old_title.pk]
    column = "5"  # “started”, descending
    assert found(publisher, "printer", o=f"-{column}") == by_start


def test_codes_of_languages_find_nothing(publisher: Client) -> None:
    make_incident(title=Text(da="Titel", en="Title"), statement=make_statement(text=Text(da="Tekst", en="Text")))
    assert found(publisher, "da") == found(publisher, "en") == []


def test_incident_is_found_by_its_id(publisher: Client) -> None:
    incident, _other = make_incident(), make_incident()
    assert found(publisher, f" {incident.pk} ") == [incident.pk]


def test_each_list_finds_its_own_kind(publisher: Client) -> None:
    incident = make_incident(title=Text(da="Skuret"))
    work = make_maintenance(start=NOW, end=NOW + timedelta(hours=1), title=Text(da="Skuret"))
    assert found(publisher, "skuret") == [incident.pk]
    assert found(publisher, "skuret", "maintenance") == [work.pk]
    assert found(publisher, work.pk) == []
    assert found(publisher, "skuret", phase="resolved") == []


@pytest.mark.parametrize(
    "query", ["'", "\\", "a & | !", "(((", ":*", "' OR 1=1 --", "%s %(words)s", "i og at", "-", "@"]
)
def test_special_characters_never_cause_an_error(publisher: Client, query: str) -> None:
    make_incident()
    make_subscriber()
    assert found(publisher, query) == found(publisher, query, "subscriber") == []


def test_stop_words_are_ignored(publisher: Client) -> None:
    incident = make_incident(title=Text(da="Printer virker ikke"))
    assert found(publisher, "og printer på") == [incident.pk]


@pytest.mark.parametrize("query", ["moller3", "Møller3@", "moeller3@firma", "firma.dk", "FIRMA", "mol firma"])
def test_subscribers_are_found_by_parts_of_the_address(publisher: Client, query: str) -> None:
    subscriber = make_subscriber("møller3@firma.dk")
    make_subscriber("karen@example.dk")
    assert found(publisher, query, "subscriber") == [subscriber.pk]


def test_webhooks_are_found_by_address_and_owner(publisher: Client) -> None:
    address = "https://hooks.example.com/services/T0/B1?x=y"
    hook = make_subscriber(address, channel=Subscriber.Channel.WEBHOOK, owner="karen@firma.dk")
    for query in ("hooks", "services/T0", address, "karen@firma", hook.pk):
        assert found(publisher, query, "subscriber") == [hook.pk], query


@pytest.mark.parametrize("query", ["møl", "kar@bølle", "bølle.dk", "kar"])
def test_domain_with_other_letters_is_found_as_it_is_written(publisher: Client, query: str) -> None:
    mail, written = make_subscriber("kar@xn--blle-gra.dk"), make_subscriber("møl@example.dk")
    assert found(publisher, query, "subscriber") == [written.pk if query == "møl" else mail.pk]


def test_deliveries_and_bounces_are_found_by_parts_of_the_address(publisher: Client) -> None:
    subscriber = make_subscriber("møller3@firma.dk")
    delivery = outbox.queue_message(subscriber, "manage")
    outbox.queue_message(make_subscriber("karen@example.dk"), "manage")
    bounce = Bounce.objects.create(subscriber=subscriber, consequence="counted")
    for query in ("moller3", "Møller3@firma.dk", "firma mol"):
        assert found(publisher, query, "delivery") == [delivery.pk], query
        assert found(publisher, query, "bounce") == [bounce.pk], query
    assert found(publisher, delivery.message_id, "delivery") == [delivery.pk]
    assert found(publisher, delivery.message_id.strip("<>"), "delivery") == [delivery.pk]


@pytest.mark.parametrize(
    ("language", "sentence"), [("en", "Nothing found for “printer”."), ("da", "Intet fundet for »printer«.")]
)
def test_page_says_that_nothing_was_found(publisher: Client, language: str, sentence: str) -> None:
    for model in ("incident", "maintenance", "subscriber"):
        address = reverse(f"admin:incidents_{model}_changelist")
        answer = publisher.get(address, {"q": "printer"}, headers={"Accept-Language": language})
        assert sentence in answer.content.decode()


@pytest.mark.parametrize(("model", "number"), [("incident", 16), ("subscriber", 16)])
def test_number_of_queries_does_not_depend_on_the_results(
    publisher: Client, django_assert_num_queries: DjangoAssertNumQueries, model: str, number: int
) -> None:
    def make() -> None:
        make_update(make_incident(title=Text(da="Printer")))
        make_subscriber()

    make()
    query = "printer" if model == "incident" else "example"
    found(publisher, query, model)
    with django_assert_num_queries(number):
        found(publisher, query, model)
    for _each in range(5):
        make()
    with django_assert_num_queries(number):
        assert len(found(publisher, query, model)) == 6


@pytest.mark.parametrize("language", ["da", "en"])
def test_queries_use_the_indexes(language: str) -> None:
    """PostgreSQL matches an index by its exact expression, so query and index must be the same."""
    names = ["incident_newsroom_title", "incident_newsroom_details", "update_newsroom_text"]
    vectors = zip(newsroom_vectors(language), names, strict=True)
    searched = [(one.table, one.expression, f"{name}_{language}") for one, name in vectors]
    searched.append(("incidents_subscriber", ADDRESS_PARTS, "subscriber_address_parts"))
    with connection.cursor() as cursor:
        # With the few rows of a test, PostgreSQL would use any other index.
        cursor.execute("SET LOCAL enable_seqscan = off")
        for table, expression, index in searched:
            cursor.execute(f"EXPLAIN SELECT 1 FROM {table} WHERE {expression} @@ to_tsquery('simple', 'printer')")
            plan = "\n".join(line for (line,) in cursor.fetchall())
            assert index in plan


def test_word_that_is_in_every_text_is_found_by_the_index_too() -> None:
    """Otherwise PostgreSQL would compute the vector of every text."""
    incident = make_incident()
    text = Text(da="En printer mangler.")
    Update.objects.bulk_create(Update(incident=incident, phase=Phase.IDENTIFIED, text=text) for _each in range(500))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE incidents_update")
    plan = Incident.objects.containing("printer").explain()
    assert "update_newsroom_text_da" in plan
    assert "Seq Scan on incidents_update" not in plan
