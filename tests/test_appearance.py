"""Each state has the same appearance everywhere."""

import re
from typing import Any

import pytest
from django.conf import settings
from django.utils import translation
from pytest_django import Settings

from incidents.appearance import APPEARANCES, NONE, SCHEDULED, state_of
from incidents.models import Announcement
from incidents.notifications.messages import email, slack, teams
from incidents.notifications.messages.content import MessageContent
from incidents.publishing.documents.brand_colour import DARK_PAPER, LIGHT_PAPER, READABLE, contrast
from incidents.publishing.store.public_store import PublicStore
from incidents.status import ComponentStatus, Impact, Phase
from tests.factories import make_component, make_incident, make_page, make_statement, make_update

MAJOR, DEGRADED, FINE = (
    ComponentStatus.MAJOR_OUTAGE,
    ComponentStatus.DEGRADED_PERFORMANCE,
    ComponentStatus.OPERATIONAL,
)


@pytest.mark.parametrize(
    ("phase", "impact", "statuses", "state"),
    [
        (Phase.INVESTIGATING, Impact.MINOR, [], DEGRADED),
        (Phase.IDENTIFIED, Impact.MINOR, [FINE, MAJOR, DEGRADED], MAJOR),
        (Phase.MITIGATED, Impact.CRITICAL, [DEGRADED], DEGRADED),
        (Phase.MITIGATED, Impact.MAJOR, [FINE], ComponentStatus.PARTIAL_OUTAGE),
        (Phase.IDENTIFIED, Impact.NONE, [], NONE),
        (Phase.RESOLVED, Impact.CRITICAL, [MAJOR], FINE),
        (Phase.POSTMORTEM, Impact.CRITICAL, [], FINE),
        (Phase.SCHEDULED, Impact.MAINTENANCE, [ComponentStatus.UNDER_MAINTENANCE], SCHEDULED),
        (Phase.IN_PROGRESS, Impact.MAINTENANCE, [], ComponentStatus.UNDER_MAINTENANCE),
        (Phase.COMPLETED, Impact.MAINTENANCE, [], FINE),
        (Phase.CANCELLED, Impact.MAINTENANCE, [], NONE),
    ],
)
def test_worst_component_decides_before_the_impact_until_it_is_over(
    phase: Phase, impact: Impact, statuses: list[str], state: str
) -> None:
    assert state_of(phase, impact, statuses) == state


def test_every_status_has_an_appearance() -> None:
    assert {*APPEARANCES} == {*ComponentStatus, SCHEDULED, NONE}


def test_states_differ_without_colour_and_no_glyph_is_an_emoji() -> None:
    for marks in ({look.glyph for look in APPEARANCES.values()}, {look.path for look in APPEARANCES.values()}):
        assert len(marks) == len(APPEARANCES)
    assert not {look.glyph for look in APPEARANCES.values()} & set("✖⬛◼◾▪⚫🔺")


@pytest.mark.parametrize("state", APPEARANCES)
def test_colours_are_readable_on_their_paper(state: str) -> None:
    look = APPEARANCES[state]
    assert contrast(LIGHT_PAPER, look.light) >= READABLE
    assert contrast(DARK_PAPER, look.dark) >= READABLE


@pytest.mark.parametrize(
    ("sheet", "prefix", "papers"),
    [
        ("public/tokens", "--", ["light", "dark"]),
        ("public/print", "--", ["light"]),
    ],
)
def test_style_sheets_have_the_same_colours(sheet: str, prefix: str, papers: list[str]) -> None:
    css = (settings.BASE_DIR / "static" / "css" / f"{sheet}.css").read_text(encoding="utf-8")
    for state in ComponentStatus:
        name = state if prefix == "--" else state.replace("_", "-")
        found = re.findall(rf"{prefix}{name}: (#[0-9a-f]{{6}});", css)
        assert found == [getattr(APPEARANCES[state], paper) for paper in papers], state


@pytest.mark.django_db(transaction=True)
def test_page_mail_and_chats_show_one_state_of_an_incident(settings: Settings, public_store: Any) -> None:
    make_page()
    component = make_component("mail")
    incident = make_incident(impact=Impact.MINOR, components={component: MAJOR})
    make_update(incident, Phase.IDENTIFIED, notify=True)  # without components: the state stays the same
    announcement = Announcement.objects.get()
    look = APPEARANCES[MAJOR]
    with translation.override("en"):
        _subject, html = email.preview(announcement, "en")
        story = MessageContent(announcement, "en")
        posted, card = slack.message("Nordhost", story), teams.message("Nordhost", story)
    page = (PublicStore().read(f"/en/incidents/{incident.pk}/") or b"").decode()
    assert f'"shape state-{look.state}"' in page
    assert f'style="color:{look.light};">{look.glyph}</span> Problem identified' in " ".join(html.split())
    assert look.glyph in str(posted["blocks"][0])
    assert look.glyph in str(card)


@pytest.mark.django_db
def test_state_in_an_email_is_that_of_its_update() -> None:
    make_page()
    component = make_component("mail")
    incident = make_incident(
        impact=Impact.MINOR, statement=make_statement(notify=True, components={component.pk: MAJOR})
    )
    make_update(incident, Phase.MITIGATED, components={component.pk: DEGRADED})
    assert MessageContent(Announcement.objects.get(), "en").appearance == APPEARANCES[MAJOR]
