"""Long lists: their pages, and what their filters offer."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from incidents.admin.paging import NewestHitsPaginator, PagedAdmin
from incidents.models import Subscriber
from tests.factories import make_subscriber

pytestmark = pytest.mark.django_db

LIST = "admin:incidents_subscriber_changelist"


@pytest.fixture
def _seven_subscribers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PagedAdmin, "list_per_page", 2)
    now = timezone.now()
    for number in range(7):
        # The sign-up times of three are unknown, those of the others are the same.
        method, signed_up = [("form", now), ("import", None)][number % 2]
        make_subscriber(f"reader{number}@example.dk", consent_method=method, requested_at=signed_up)


def pages(client: Client, **query: str) -> Iterator[list[str]]:
    shown: Any = client.get(reverse(LIST), query).context["cl"]
    for number in shown.paginator.page_range:
        yield [row.pk for row in client.get(reverse(LIST), {**query, "p": number}).context["cl"].result_list]


@pytest.mark.usefixtures("_seven_subscribers")
@pytest.mark.parametrize("order", ["", "1", "-1", "5", "-5"])
@pytest.mark.parametrize("search", ["", "example"])
def test_pages_show_every_row_once_in_order(
    publisher: Client, monkeypatch: pytest.MonkeyPatch, order: str, search: str
) -> None:
    query = {name: value for name, value in (("o", order), ("q", search)) if value}
    paged = list(pages(publisher, **query))
    assert [len(page) for page in paged] == [2, 2, 2, 1]
    monkeypatch.setattr(PagedAdmin, "list_per_page", 100)
    assert [row for page in paged for row in page] == next(pages(publisher, **query))


@pytest.mark.usefixtures("_seven_subscribers")
def test_last_page_is_read_from_the_end(publisher: Client) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert len(publisher.get(reverse(LIST), {"p": "4"}).context["cl"].result_list) == 1
    assert not [query for query in queries if "OFFSET" in query["sql"]]


@pytest.mark.usefixtures("_seven_subscribers")
@pytest.mark.parametrize("page", ["0", "5", "x"])
def test_page_that_does_not_exist_leads_back_to_the_list(publisher: Client, page: str) -> None:
    assert publisher.get(reverse(LIST), {"p": page, "q": "example"}).status_code == 200


@pytest.mark.usefixtures("_seven_subscribers")
@pytest.mark.parametrize("newest", [1, 2, 3, 7, 8])
@pytest.mark.parametrize("search", ["example", "reader6", "reader0", "nobody"])
def test_first_hits_are_the_newest_wherever_they_are_in_the_list(
    publisher: Client, monkeypatch: pytest.MonkeyPatch, newest: int, search: str
) -> None:
    monkeypatch.setattr(NewestHitsPaginator, "NEWEST", newest)
    shown = publisher.get(reverse(LIST), {"q": search}).context["cl"]
    hits = Subscriber.objects.filter(address__contains=search).order_by("-created_at", "-id")
    assert [row.pk for row in shown.result_list] == [row.pk for row in hits[:2]]
    assert shown.result_count == hits.count()


@pytest.mark.usefixtures("_seven_subscribers")
def test_search_finds_and_counts_in_one_query(publisher: Client) -> None:
    with CaptureQueriesContext(connection) as queries:
        shown = publisher.get(reverse(LIST), {"q": "example"}).context["cl"]
    assert (shown.result_count, len(shown.result_list)) == (7, 2)
    assert len([query for query in queries if "to_tsquery" in query["sql"]]) == 1


@pytest.mark.parametrize(("language", "names"), [("en", ("Danish", "English")), ("da", ("dansk", "engelsk"))])
def test_filter_offers_the_languages_of_the_page_by_name(
    publisher: Client, language: str, names: tuple[str, str]
) -> None:
    make_subscriber("bent@example.dk", language="da")
    anna = make_subscriber("anna@example.dk", language="en", created_at=timezone.now() - timedelta(days=1))
    page = publisher.get(reverse(LIST), headers={"Accept-Language": language}).content.decode()
    for name in names:
        assert f">{name}<" in "".join(page.split())
    found = publisher.get(reverse(LIST), {"language__exact": "en"}).context["cl"].result_list
    assert [row.pk for row in found] == [anna.pk]


def test_filters_do_not_count_rows(publisher: Client) -> None:
    make_subscriber("anna@example.dk")
    shown = publisher.get(reverse(LIST), {"_facets": "True"}).context["cl"]
    assert shown.filter_specs
    assert not shown.add_facets
