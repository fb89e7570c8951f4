"""The pages of months and components: every incident is reachable, empty months are named, uptime per month."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from incidents import operations
from incidents.models import Incident, Page
from incidents.publishing.documents import archive
from incidents.publishing.documents.archive import ComponentPage, HistoryIndex, HistoryMonth
from incidents.publishing.documents.base import Edition, Subjects
from incidents.status import ComponentStatus
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import make_component, make_incident, make_maintenance, make_page, make_statement
from tests.publishing.documents.rendering import rendered, words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("public_store")]

NOW = datetime(2023, 12, 12, 10, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def fixed_time() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture(autouse=True)
def page() -> Page:
    return make_page()


def past_incident(at: datetime, **details: Any) -> Incident:
    incident = make_incident(statement=make_statement(at=at), started_at=at, **details)
    operations.resolve(by=ANYBODY, incident=incident, text=Text(en="Over."), at=at + timedelta(hours=1), notify=False)
    return incident


def touched(*names: str) -> list[str]:
    return list(HistoryMonth().touched(Subjects(frozenset(names))))


def test_index_lists_every_month_since_the_first_incident_including_empty_ones() -> None:
    past_incident(datetime(2023, 10, 9, 21, 0, tzinfo=UTC))
    text = words(rendered(HistoryIndex()))
    assert "December 2023 No incidents November 2023 No incidents October 2023 1 incident" in text
    assert "September 2023" not in text


def test_year_without_incidents_is_folded_into_one_line() -> None:
    for year in (2021, 2023):
        past_incident(datetime(year, 10, 9, 21, 0, tzinfo=UTC))
    html = rendered(HistoryIndex())
    (folded,) = re.findall(r"<details>.*?</details>", html, re.DOTALL)
    assert folded.count("/en/history/2022/") == 12
    assert "2021" not in folded
    assert "2023" not in folded


def test_index_counts_incidents_and_maintenance_separately() -> None:
    for day in (9, 10):
        past_incident(datetime(2023, 10, day, 21, 0, tzinfo=UTC))
    for month in (10, 11):
        begin = datetime(2023, month, 20, 21, 0, tzinfo=UTC)
        make_maintenance(start=begin, end=begin + timedelta(hours=1))
    text = words(rendered(HistoryIndex()))
    assert "November 2023 1 maintenance window October 2023 2 incidents, 1 maintenance window" in text
    text = words(rendered(HistoryIndex(), language="da"))
    assert "november 2023 1 vedligeholdelse oktober 2023 2 hændelser, 1 vedligeholdelse" in text


def test_every_public_incident_is_on_its_months_page() -> None:
    incidents = [past_incident(datetime(2023, month, 3, 12, 0, tzinfo=UTC)) for month in (1, 4, 4, 12)]
    pages = "".join(rendered(HistoryMonth(), key) for key in HistoryMonth().all_keys())
    for incident in incidents:
        assert pages.count(f'<a href="/en/incidents/{incident.pk}/">') == 1


def test_month_is_in_the_time_zone_of_the_page() -> None:
    incident = past_incident(datetime(2023, 10, 31, 23, 30, tzinfo=UTC))  # 1 November, 00.30 in Copenhagen
    assert list(HistoryMonth().all_keys()) == ["2023-11", "2023-12"]
    assert incident.pk in rendered(HistoryMonth(), "2023-11")


def test_empty_month_has_a_note() -> None:
    past_incident(datetime(2023, 10, 9, 21, 0, tzinfo=UTC))
    html = rendered(HistoryMonth(), "2023-11")
    assert "No incidents and no planned maintenance this month." in html


def test_months_link_to_their_neighbours_within_the_history() -> None:
    past_incident(datetime(2023, 10, 9, 21, 0, tzinfo=UTC))
    october, november, december = (rendered(HistoryMonth(), f"2023-{month}") for month in (10, 11, 12))
    assert 'rel="prev"' not in october
    assert 'href="/en/history/2023/10/" rel="prev"' in november
    assert 'href="/en/history/2023/12/" rel="next"' in november
    assert 'rel="next"' not in december


def test_month_outside_the_history_has_no_page() -> None:
    edition = Edition(Page.objects.current(), "en")
    with timezone.override("Europe/Copenhagen"):
        assert HistoryMonth().render("2023-11", edition) is None
        assert HistoryMonth().render("2024-01", edition) is None


def test_phase_and_start_of_an_ongoing_incident_are_two_facts() -> None:
    make_incident(started_at=NOW - timedelta(hours=3))
    assert "Problem identified · began" in words(rendered(HistoryMonth(), f"{NOW:%Y-%m}"))


def test_planned_maintenance_adds_its_month() -> None:
    make_maintenance(start=datetime(2024, 2, 1, 1, 0, tzinfo=UTC), end=datetime(2024, 2, 1, 2, 0, tzinfo=UTC))
    assert list(HistoryMonth().all_keys()) == ["2023-12", "2024-01", "2024-02"]
    assert "1 February 2024, 02:00–03:00 CET" in words(rendered(HistoryMonth(), "2024-02"))


def test_update_touches_only_its_month() -> None:
    past_incident(datetime(2023, 6, 9, 21, 0, tzinfo=UTC))
    assert touched("month:2023-10") == ["2023-10"]
    assert touched("month:2023-12") == ["2023-12"]


def test_future_months_of_withdrawn_maintenance_are_touched_and_deleted() -> None:
    start = datetime(2024, 3, 1, 1, 0, tzinfo=UTC)
    operations.withdraw(by=ANYBODY, incident=make_maintenance(start=start, end=start + timedelta(hours=1)))
    assert set(touched("month:2024-03")) >= {"2023-12", "2024-01", "2024-02", "2024-03"}


def test_component_with_many_incidents_shows_the_newest_and_links_to_the_history() -> None:
    mail = make_component("mail")
    for day in range(1, 9):
        at = datetime(2023, 10, day, tzinfo=UTC)
        make_incident(
            statement=make_statement(at=at, components={mail.pk: ComponentStatus.MAJOR_OUTAGE}), started_at=at
        )
    assert "See the history for older ones." not in rendered(ComponentPage(), "mail")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(archive, "NEWEST", 3)
        html = rendered(ComponentPage(), "mail")
    assert html.count("entry-title") == 3
    assert "See the history for older ones." in html


def test_new_first_month_touches_all_months_up_to_the_next() -> None:
    past_incident(datetime(2023, 9, 9, 21, 0, tzinfo=UTC))
    assert touched("month:2023-09") == ["2023-09", "2023-10", "2023-11", "2023-12"]


def test_month_whose_only_incident_was_withdrawn_is_touched_too() -> None:
    incident = past_incident(datetime(2023, 9, 9, 21, 0, tzinfo=UTC))
    operations.withdraw(by=ANYBODY, incident=incident)
    assert "2023-09" in touched("month:2023-09")


def test_new_day_touches_this_month_and_every_component() -> None:
    make_component("mail")
    past_incident(datetime(2023, 9, 9, 21, 0, tzinfo=UTC))
    assert touched("day") == ["2023-11", "2023-12"]
    assert list(ComponentPage().touched(Subjects(frozenset({"day"})))) == ["mail"]


class TestComponentPage:
    def test_shows_state_uptime_by_month_and_its_incidents(self) -> None:
        mail = make_component("mail", start_date=date(2023, 11, 1), description=Text(en="Sending and receiving"))
        make_incident(
            statement=make_statement(at=NOW - timedelta(hours=6), components={mail.pk: ComponentStatus.PARTIAL_OUTAGE}),
            started_at=NOW - timedelta(hours=6),
        )
        past_incident(datetime(2023, 12, 1, tzinfo=UTC), title=Text(en="Something else"))
        text = words(rendered(ComponentPage(), "mail"))
        assert "Sending and receiving" in text
        assert "December 2023 97.81% November 2023 100.00%" in text  # 6 hours of 275
        assert "October 2023" not in text
        assert "Mail is delayed" in text
        assert "Something else" not in text

    def test_hidden_component_has_no_page(self) -> None:
        make_component("secret", hidden=True)
        assert ComponentPage().render("secret", Edition(Page.objects.current(), "en")) is None
        assert list(ComponentPage().all_keys()) == []

    def test_update_touches_its_components(self) -> None:
        mail = make_component("mail")
        assert list(ComponentPage().touched(Subjects(frozenset({f"component:{mail.pk}"})))) == ["mail"]


def test_number_of_queries_does_not_depend_on_length(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    mail = make_component("mail", start_date=date(2020, 1, 1))

    def more(number: int) -> None:
        for _each in range(number):
            make_incident(
                components={mail: ComponentStatus.PARTIAL_OUTAGE, make_component(): ComponentStatus.MAJOR_OUTAGE}
            )

    for count in (1, 3):
        more(count)
        with django_assert_num_queries(3), timezone.override("Europe/Copenhagen"):
            HistoryMonth().render("2023-12", Edition(Page(), "en"))
        with django_assert_num_queries(11), timezone.override("Europe/Copenhagen"):
            ComponentPage().render("mail", Edition(Page(), "en"))
        with django_assert_num_queries(1), timezone.override("Europe/Copenhagen"):
            HistoryIndex().render("", Edition(Page(), "en"))
