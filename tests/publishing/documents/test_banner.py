"""The banner: the overall state, what causes it, and how much else is ongoing."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from pytest_django import DjangoAssertNumQueries

from incidents import operations
from incidents.models import cause_of
from incidents.publishing.documents.banner import Banner
from incidents.publishing.documents.base import Subjects
from incidents.status import ComponentStatus, Impact, Phase
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import make_component, make_incident, make_maintenance, make_page, make_update
from tests.publishing.documents.rendering import rendered, words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("public_store")]

NOW = datetime(2023, 10, 12, 10, 0, tzinfo=UTC)
OPERATIONAL = ComponentStatus.OPERATIONAL


@pytest.fixture(autouse=True)
def fixed_time() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        make_page()
        yield


def banner(language: str = "en") -> str:
    return rendered(Banner(), language=language)


def line(language: str = "en") -> str:
    """Return the text that readers see."""
    return words(banner(language).split("</head>")[1])


def touched(*names: str) -> list[str]:
    return list(Banner().touched(Subjects(frozenset(names))))


def test_names_the_incident_that_causes_the_overall_state() -> None:
    mail, web = make_component("mail"), make_component("web")
    make_incident(title=Text(en="Slow"), components={mail: ComponentStatus.DEGRADED_PERFORMANCE})
    broken = make_incident(
        title=Text(en="Broken"), components={mail: ComponentStatus.MAJOR_OUTAGE}, started_at=NOW - timedelta(hours=1)
    )
    make_incident(title=Text(en="Worse elsewhere"), impact=Impact.CRITICAL, components={web: OPERATIONAL})
    make_incident(title=Text(en="Draft"), components={mail: ComponentStatus.MAJOR_OUTAGE}, draft=True)
    html = banner()
    assert '<a href="/en/">Major outage</a>' in html
    assert f'<a href="/en/incidents/{broken.pk}/">Broken</a>' in html
    assert line() == "Major outage Broken + 2 more"


def test_names_the_worst_of_several_incidents_that_cause_the_state() -> None:
    broken = {make_component("mail"): ComponentStatus.MAJOR_OUTAGE}
    make_incident(title=Text(en="Minor"), components=broken)
    make_incident(title=Text(en="Critical"), components=broken, impact=Impact.CRITICAL)
    assert "Critical" in line()
    assert "Minor" not in line()


def test_names_an_incident_without_components_whose_impact_causes_the_state() -> None:
    make_incident(title=Text(en="Slow"), components={make_component("mail"): ComponentStatus.DEGRADED_PERFORMANCE})
    make_incident(title=Text(en="Something"), impact=Impact.MAJOR)
    assert line() == "Some systems have an outage Something + 1 more"


def test_names_the_component_if_only_a_status_set_by_hand_causes_the_state() -> None:
    mail, web = make_component("mail"), make_component("web")
    make_incident(title=Text(en="Slow"), components={mail: ComponentStatus.DEGRADED_PERFORMANCE})
    operations.set_component_status(by=ANYBODY, component=web, status=ComponentStatus.MAJOR_OUTAGE)
    assert line() == "Major outage web (en) + 1 more"
    assert '<a href="/en/components/web/">web (en)</a>' in banner()


def test_names_what_is_ongoing_while_all_is_operational() -> None:
    make_incident(title=Text(en="Rumour"), impact=Impact.NONE)
    make_incident(title=Text(en="Repaired"), components={make_component("mail"): OPERATIONAL})
    assert line() == "All systems are operational Repaired + 1 more"


def test_names_planned_work_if_nothing_is_worse() -> None:
    mail = make_component("mail")
    with time_machine.travel(NOW - timedelta(hours=1), tick=False):
        work = make_maintenance(start=NOW, end=NOW + timedelta(hours=1), components=(mail,))
    make_update(work, Phase.IN_PROGRESS, components={mail.pk: ComponentStatus.UNDER_MAINTENANCE})
    assert line() == "Maintenance is under way Disk replacement"
    make_incident(title=Text(en="Slow"), components={mail: ComponentStatus.DEGRADED_PERFORMANCE})
    assert line() == "Some systems have degraded performance Slow + 1 more"


def test_hidden_components_cause_nothing() -> None:
    secret = make_component("secret", hidden=True)
    make_incident(title=Text(en="Secret"), impact=Impact.NONE, components={secret: ComponentStatus.MAJOR_OUTAGE})
    make_incident(title=Text(en="Slow"), components={make_component("mail"): ComponentStatus.DEGRADED_PERFORMANCE})
    assert line() == "Some systems have degraded performance Slow + 1 more"


def test_says_how_many_more_there_are_in_the_readers_language() -> None:
    for _ in range(3):
        make_incident()
    assert line("da").endswith("Mail er forsinket + 2 flere")
    assert line("en").endswith("Mail is delayed + 2 more")


def test_shows_the_name_of_the_page_if_nothing_is_ongoing() -> None:
    make_component()
    assert line("da") == "Alle systemer er i drift Nordhost driftsstatus"


def test_number_of_queries_does_not_depend_on_what_is_ongoing(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for _ in range(5):
        make_incident(components={make_component(): ComponentStatus.MAJOR_OUTAGE})
        make_incident(impact=Impact.CRITICAL)
    with django_assert_num_queries(2):
        assert cause_of(ComponentStatus.MAJOR_OUTAGE).others == 9


def test_links_leave_the_frame_and_there_is_no_script() -> None:
    html = banner()
    assert '<base target="_top">' in html
    assert not re.search(r"<script|<form|style=", html)


def test_is_touched_by_incidents_and_components_but_not_by_a_new_day() -> None:
    assert touched("component:abcdefabcdef") == touched("incident:abcdefabcdef") == [""]
    assert touched("day") == []
