"""Messages of an incident whose components another incident affects too: each states what the component has."""

import email
import json
import re
from datetime import datetime, timedelta
from email import policy
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from incidents import operations
from incidents.models import Announcement, Component, Incident
from incidents.notifications.messages import payloads
from incidents.notifications.messages.content import UpdateContent
from incidents.status import ComponentStatus, Phase
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import make_component, make_incident, make_maintenance, make_page, make_statement
from tests.notifications.helpers import START, announced
from tests.notifications.messages.test_email import part, sent

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
MAJOR, DEGRADED = ComponentStatus.MAJOR_OUTAGE, ComponentStatus.DEGRADED_PERFORMANCE


@pytest.fixture
def mail() -> Component:
    make_page()
    return make_component("mail", name=Text(da="Mail", en="Mail"))


def outage(mail: Component, at: datetime = START) -> Incident:
    return make_incident(statement=make_statement(at=at, components={mail.pk: MAJOR}), started_at=at)


def lesser(mail: Component) -> Incident:
    at = START + HOUR
    return make_incident(statement=make_statement(at=at, components={mail.pk: DEGRADED}), started_at=at)


def resolved(mail: Component, at: datetime = START + 2 * HOUR) -> Announcement:
    """Return the announcement that the lesser incident is resolved."""
    return announced(lesser(mail), phase=Phase.RESOLVED, at=at, components={mail.pk: ComponentStatus.OPERATIONAL})


def text_of(announcement: Announcement, language: str = "en") -> str:
    """Return the plain text, which must list the same systems as the HTML."""
    message = email.message_from_bytes(sent(language=language, announcement=announcement), policy=policy.default)
    text = part(message).replace("\r\n", "\n")
    html = " ".join(re.sub(r"<[^>]+>", " ", part(message, "html").split("<body", 1)[1]).split())
    for line in re.findall(r"^. Mail.*$", text, re.MULTILINE):
        assert line in html
    return text


def chat(channel: str, announcement: Announcement) -> Any:
    return json.loads(payloads.render(channel, "update", "en", announcement).body)


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("da", "✕ Mail: Større nedbrud (af en anden årsag)"),
        ("en", "✕ Mail: Major outage (for another reason)"),
    ],
)
def test_email_about_a_resolved_incident_names_the_outage_that_another_one_causes(
    mail: Component, language: str, line: str
) -> None:
    outage(mail)
    text = text_of(resolved(mail), language)
    assert line in text.splitlines()
    assert text.startswith("● ")  # the appearance of this incident


def test_email_says_so_too_if_the_status_was_set_by_hand(mail: Component) -> None:
    operations.set_component_status(by=ANYBODY, component=mail, status=MAJOR, at=START)
    assert "✕ Mail: Major outage (for another reason)" in text_of(resolved(mail)).splitlines()


def test_email_has_no_note_once_the_other_incident_is_over(mail: Component) -> None:
    operations.resolve(
        by=ANYBODY, incident=outage(mail), text=Text(en="Over."), at=START + 90 * HOUR / 60, notify=False
    )
    assert "● Mail: Operational" in text_of(resolved(mail)).splitlines()


def test_email_has_no_note_if_the_incident_itself_is_the_worst(mail: Component) -> None:
    lesser(mail)
    announcement = announced(outage(mail), at=START + 2 * HOUR, components={mail.pk: MAJOR})
    assert "✕ Mail: Major outage" in text_of(announcement).splitlines()


def test_status_is_that_at_the_time_of_the_update_and_not_a_later_one(mail: Component) -> None:
    announcement = resolved(mail)
    outage(mail, at=START + 3 * HOUR)
    assert "● Mail: Operational" in text_of(announcement).splitlines()


def test_incident_that_ended_later_than_its_final_update_is_no_other_reason(mail: Component) -> None:
    announcement = resolved(mail)
    incident = announcement.update.incident
    announcement.update.ended_at = START + 3 * HOUR
    announcement.update.save()
    operations.statuses.rebuild_statuses(components=[mail.pk], announce=False)
    assert incident.updates.count() == 2
    assert "● Mail: Operational" in text_of(announcement).splitlines()


def test_slack_and_teams_state_what_the_component_has(mail: Component) -> None:
    outage(mail)
    announcement = resolved(mail)
    blocks = chat("slack", announcement)["blocks"]
    assert "✕ *Mail*: Major outage (for another reason)" in [block.get("text", {}).get("text") for block in blocks]
    facts = chat("teams", announcement)["attachments"][0]["content"]["body"][1]["facts"]
    assert facts == [{"title": "Mail", "value": "✕ Major outage (for another reason)"}]


def test_planned_work_names_its_systems_without_a_status(mail: Component) -> None:
    outage(mail)
    work = make_maintenance(start=START + 90 * HOUR, end=START + 92 * HOUR, components=(mail,))
    planned = {mail.pk: ComponentStatus.UNDER_MAINTENANCE}
    announcement = announced(work, phase=Phase.SCHEDULED, components=planned)
    assert "□ Mail" in text_of(announcement).splitlines()
    blocks = chat("slack", announcement)["blocks"]
    assert any(block.get("text", {}).get("text", "").startswith("□ *Mail*\n") for block in blocks)
    facts = chat("teams", announcement)["attachments"][0]["content"]["body"][1]["facts"]
    assert facts[0] == {"title": "Mail", "value": "□ Scheduled"}


def test_statuses_of_all_components_take_one_query(
    mail: Component, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    systems = [mail, *(make_component() for _ in range(5))]
    for system in systems:
        outage(system)
    down = dict.fromkeys((system.pk for system in systems), DEGRADED)
    announcement = announced(lesser(mail), at=START + 2 * HOUR, components=down)
    content = UpdateContent(announcement.update, "en")
    with django_assert_num_queries(1):
        assert len(content.components) == len(systems)
