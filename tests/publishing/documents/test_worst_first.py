"""What is ongoing is listed with the worst first: home, API and the newsroom's front page."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import translation

from incidents.admin.front_page import open_incidents
from incidents.models import Incident, Page
from incidents.publishing.documents.api import ApiDocument
from incidents.publishing.documents.base import Edition
from incidents.publishing.documents.pages import Home
from incidents.status import Impact, Phase
from incidents.text import Text
from tests.factories import make_incident, make_maintenance, make_page, make_update
from tests.publishing.documents.rendering import rendered, words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("public_store")]

NOW = datetime(2023, 10, 12, 10, 0, tzinfo=UTC)
WORST_FIRST = ["Critical", "Major, newer", "Major, older", "Minor", "None", "Work"]


@pytest.fixture(autouse=True)
def ongoing() -> Iterator[None]:
    """One of each impact; the worse it is, the earlier it began, except for planned work, which is the newest."""
    with time_machine.travel(NOW, tick=False):
        make_page()
        start = NOW - timedelta(hours=9)
        for hour, (name, impact) in enumerate(
            {
                "Major, older": Impact.MAJOR,
                "Critical": Impact.CRITICAL,
                "Major, newer": Impact.MAJOR,
                "Minor": Impact.MINOR,
                "None": Impact.NONE,
            }.items()
        ):
            make_incident(title=Text(en=name), impact=impact, started_at=start + timedelta(hours=hour))
        with time_machine.travel(start, tick=False):
            work = make_maintenance(title=Text(en="Work"), start=NOW, end=NOW + timedelta(hours=1))
        make_update(work, phase=Phase.IN_PROGRESS)
        yield


def api(name: str) -> list[str]:
    with translation.override("en"):
        content = ApiDocument(per_language=True).render(name, Edition(Page.objects.current(), "en"))
    return [incident["name"] for incident in json.loads(content)["incidents"]]


def test_planned_work_comes_last_and_of_equal_impact_the_newest_first() -> None:
    assert [str(one) for one in Incident.objects.ongoing().worst_first()] == WORST_FIRST


def test_incidents_with_equal_impact_and_start_keep_their_order() -> None:
    Incident.objects.incidents().update(impact=Impact.MINOR, started_at=NOW)
    keys = list(Incident.objects.incidents().worst_first().values_list("pk", flat=True))
    assert keys == sorted(keys, reverse=True)


def test_home_has_the_worst_first_and_one_line_each_from_the_fourth_on() -> None:
    html = rendered(Home()).split('aria-labelledby="systems"')[0]
    full, lines = html.split('<div class="story-lines">')
    assert re.findall(r'<h2 id="i-\w+"><a [^>]+>([^<]+)</a>', full) == WORST_FIRST[:3]
    assert re.findall(r"</svg> ([^<]+)</h2>", lines) == WORST_FIRST[3:]
    for line in lines.split('<details class="story-line">')[1:]:
        summary, unfolded = line.split("</summary>", 1)
        assert re.search(r"(Problem identified|In progress) began 12 October 2023", words(summary))
        assert "We have found the fault." in unfolded


@pytest.mark.parametrize("name", ["summary", "incidents/unresolved"])
def test_api_lists_what_is_unresolved_with_the_worst_first(name: str) -> None:
    assert api(name) == WORST_FIRST[:-1]


def test_list_of_all_incidents_in_the_api_has_the_newest_first() -> None:
    assert api("incidents") == ["None", "Minor", "Major, newer", "Critical", "Major, older"]


def test_newsroom_lists_the_worst_first() -> None:
    assert [str(one) for one in open_incidents()] == WORST_FIRST
