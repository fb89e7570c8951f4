"""The preview pictures for social networks: one per state, in the reader's language, and up to date."""

import json
import re
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.conf import settings
from django.utils import timezone, translation

from incidents import operations
from incidents.appearance import APPEARANCES
from incidents.models import Incident, Page
from incidents.publishing.documents.archive import ComponentPage, HistoryIndex, HistoryMonth
from incidents.publishing.documents.base import Document, Edition
from incidents.publishing.documents.follow import FollowPage
from incidents.publishing.documents.maintenance import MaintenanceList
from incidents.publishing.documents.pages import Home, IncidentPage
from incidents.publishing.documents.social import (
    DRAWINGS,
    FOLDER,
    HEIGHT,
    WIDTH,
    SocialPicture,
    incident_picture,
    page_picture,
    picture_path,
)
from incidents.publishing.reading.story import with_timeline
from incidents.status import ComponentStatus, Impact
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import make_component, make_incident, make_maintenance, make_page

NOW = datetime(2023, 10, 12, 10, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def fixed_time() -> Iterator[None]:
    with time_machine.travel(NOW, tick=True):
        yield


def picture_of(incident: Incident) -> str:
    [story] = with_timeline(Incident.objects.filter(pk=incident.pk))
    return incident_picture(story)


def test_pictures_have_the_current_labels() -> None:
    """If this fails, run `make social`."""
    drawn = json.loads((FOLDER / "words.json").read_text(encoding="utf-8"))
    for code, _name in settings.LANGUAGES:
        with translation.override(code):
            assert drawn[code] == {name: str(drawing.words) for name, drawing in DRAWINGS.items()}


def test_every_picture_exists_in_the_right_size() -> None:
    for key in [*SocialPicture().all_keys(), *(f"any/{name}" for name in DRAWINGS)]:
        content = (FOLDER / f"{key}.png").read_bytes()
        assert content.startswith(b"\x89PNG")
        assert struct.unpack(">II", content[16:24]) == (WIDTH, HEIGHT)
        assert len(content) < 60_000
    assert {drawing.state for drawing in DRAWINGS.values()} == {*APPEARANCES}


def test_language_without_pictures_gets_those_without_text() -> None:
    assert re.fullmatch(
        r"/assets/social-any-page-operational-[0-9a-f]{12}\.png", picture_path("page-operational", "de")
    )
    assert picture_path("page-operational", "da") != picture_path("page-operational", "en")


@pytest.mark.django_db
def test_picture_shows_the_state_of_the_incident() -> None:
    make_page()
    ongoing = make_incident(components={make_component(): ComponentStatus.PARTIAL_OUTAGE})
    assert picture_of(ongoing) == "incident-partial_outage"
    operations.resolve(by=ANYBODY, incident=ongoing, text=Text(en="Over."), notify=False)
    assert picture_of(ongoing) == "incident-resolved"
    assert picture_of(make_incident(impact=Impact.NONE)) == "incident-none"
    planned = make_maintenance(start=NOW + timedelta(hours=1), end=NOW + timedelta(hours=2))
    assert picture_of(planned) == "incident-scheduled"
    operations.start_maintenance(by=ANYBODY, incident=planned, text=Text(en="Begun."), notify=False)
    assert picture_of(planned) == "incident-under_maintenance"
    operations.cancel_maintenance(by=ANYBODY, incident=planned, text=Text(en="No."), notify=False)
    assert picture_of(planned) == "incident-cancelled"
    assert {page_picture(state) for state in ComponentStatus} <= DRAWINGS.keys()


NO_STATE: list[tuple[Document, str]] = [
    (HistoryIndex(), ""),
    (HistoryMonth(), "2023-10"),
    (MaintenanceList(), ""),
    (FollowPage(), ""),
]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("language", "locale", "words"),
    [
        (
            "da",
            "da_DK",
            "Nogle systemer har nedsat ydeevne|Nedsat ydeevne|I drift|Historik|Planlagt vedligeholdelse|Følg",
        ),
        (
            "en",
            "en_GB",
            "Some systems have degraded performance|Degraded performance|Operational|History|Planned maintenance"
            "|Follow",
        ),
    ],
)
def test_every_page_has_its_picture_with_alternative_text(language: str, locale: str, words: str) -> None:
    make_page()
    shown: list[tuple[Document, str]] = [
        (Home(), ""),
        (IncidentPage(), make_incident().pk),
        (ComponentPage(), make_component().slug),
        *NO_STATE,
    ]
    page, incident, component, months, work, follow = words.split("|")
    for (document, key), alt in zip(shown, [page, incident, component, months, months, work, follow], strict=True):
        with translation.override(language), timezone.override("Europe/Copenhagen"):
            html = document.render(key, Edition(Page.objects.current(), language)) or ""
        assert isinstance(html, str)
        assert re.search(
            rf'property="og:image" content="https://status.example.dk/assets/social-{language}-[\w-]+\.png"', html
        )
        assert f'<meta property="og:image:alt" content="{alt}">' in html
        assert f'<meta property="og:locale" content="{locale}">' in html
        assert '<meta property="og:title" content="' in html
        assert '<meta name="twitter:card" content="summary_large_image">' in html
