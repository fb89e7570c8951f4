"""The first screen answers: is it me or them, which system, what is being said, and when is there more."""

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain
from typing import TYPE_CHECKING

import pytest
from pytest_django import DjangoDbBlocker

from incidents import formats
from incidents.models import Component
from tests.publishing.situations import INTRODUCTION, SITUATIONS, Shown
from tests.publishing.worlds import Published, publishing

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

LANGUAGES = ("da", "en")
SIZES = [(390, 844), (1280, 800)]


class Situation:
    """A published site and what its first screen must show; read while the database is at hand."""

    def __init__(self) -> None:
        self.published: Published
        self.shown: Shown
        self.systems: dict[str, list[dict[str, str]]] = {}

    def note(self, shown: Shown) -> dict[str, str]:
        self.shown = shown
        for one in shown.incidents:
            affected = Component.objects.filter(affected__update__incident=one).distinct()
            self.systems[one.pk] = [component.name for component in affected]
        paths = {f"incident-{place}": f"/{{}}/incidents/{one.pk}/" for place, one in enumerate(shown.incidents)}
        return {"home": "/{}/", **paths}


@pytest.fixture(scope="module")
def situations(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Situation]]:
    root = tmp_path_factory.mktemp("situations")
    found: dict[str, Situation] = {}
    with ExitStack() as stack:
        for fill in SITUATIONS:
            situation = found[fill.__name__] = Situation()
            situation.published = stack.enter_context(
                publishing(root / fill.__name__, django_db_blocker, lambda: situation.note(fill()))  # noqa: B023 - called at once
            )
        yield found


# Runs first, so that pytest-django sets up the database even if this file runs alone.
@pytest.mark.django_db
def test_every_situation_can_be_published(situations: dict[str, Situation]) -> None:
    assert [one.published.failed for one in situations.values()] == [{}] * len(SITUATIONS)


@pytest.fixture(scope="module")
def chromium(situations: dict[str, Situation], browser: "Browser") -> "Browser":
    """Starts after publishing: while Playwright runs, Django refuses to use the database."""
    return browser


@pytest.fixture(params=SIZES, ids=str)
def page(chromium: "Browser", request: pytest.FixtureRequest) -> Iterator["Page"]:
    width, height = request.param
    context = chromium.new_context(viewport={"width": width, "height": height}, timezone_id="Europe/Copenhagen")
    yield context.new_page()
    context.close()


def below(page: "Page", what: "Locator") -> bool:
    """Whether the first line of an element is not within the first screen."""
    found = what.first.bounding_box() if what.count() else None
    assert page.viewport_size is not None
    line = min(found["height"], 24) if found else 0
    return not found or found["y"] + line > page.viewport_size["height"]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", [fill.__name__ for fill in SITUATIONS])
def test_home_answers_within_the_first_screen(
    situations: dict[str, Situation], page: "Page", name: str, language: str
) -> None:
    situation = situations[name]
    page.goto(situation.published.url("home", language))
    place = LANGUAGES.index(language)
    wanted = {"headline": page.locator("h1", has_text=situation.shown.headline[place])}
    main = page.locator("main")
    for one in situation.shown.incidents:
        wanted[f"title {one.title[language]}"] = main.get_by_text(one.title[language])
    for system in chain.from_iterable(situation.systems.values()):
        wanted[f"system {system[language]}"] = page.locator(".hero").get_by_text(system[language])
    for said in situation.shown.said:
        wanted["what is said"] = main.get_by_text(said[place])
        wanted["when"] = main.locator("h1 ~ * time, .story time").first
    stories = page.locator(".story")
    for number, one in enumerate(situation.shown.incidents if stories.count() else []):
        wanted["when it was said"] = stories.first.locator(".update-when time")
        until = one.scheduled_until or one.next_update_by
        assert until is not None
        wanted[f"when next, {number}"] = stories.nth(number).locator(f".next time[datetime='{formats.iso(until)}']")
    assert [what for what, element in wanted.items() if below(page, element)] == []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", [fill.__name__ for fill in SITUATIONS])
def test_incident_page_begins_with_the_newest_update(
    situations: dict[str, Situation], page: "Page", name: str, language: str
) -> None:
    situation = situations[name]
    for place, said in enumerate(situation.shown.said):
        page.goto(situation.published.url(f"incident-{place}", language))
        newest = page.locator("main").get_by_text(said[LANGUAGES.index(language)])
        assert newest.count() == 1
        assert not below(page, newest)
        assert not below(page, page.locator(".update-when time"))
        fact = page.locator(".brief dt").first.bounding_box()
        box = newest.bounding_box()
        assert fact is not None
        assert box is not None
        assert box["y"] < fact["y"]
        if name != "resolved_an_hour_ago":
            assert not below(page, page.locator(".next time"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_said_twice_and_the_welcome_is_at_the_foot(
    situations: dict[str, Situation], page: "Page", language: str
) -> None:
    page.goto(situations["one_minor"].published.url("home", language))
    [incident] = situations["one_minor"].shown.incidents
    text = page.inner_text("main")
    assert text.count(incident.title[language]) == 1
    assert text.count({"da": "begyndte", "en": "began"}[language]) == 1
    assert text.count({"da": "Problem identificeret", "en": "Problem identified"}[language]) == 1
    welcome, recent = (page.get_by_text(INTRODUCTION[language]), page.locator("#recent"))
    assert welcome.count() == 1
    lower, upper = welcome.bounding_box(), recent.bounding_box()
    assert lower is not None
    assert upper is not None
    assert lower["y"] > upper["y"]
