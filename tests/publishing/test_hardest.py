"""Every kind of page with the hardest content: accessible, readable on any screen, valid HTML."""

import json
import os
import subprocess
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pytest_django import DjangoDbBlocker

from tests.publishing.browser_checks import AXE, CUT_OFF, LETTER_BY_LETTER, UNFOLD, VISUAL_RULES, faults, width_of
from tests.publishing.hardest import hardest
from tests.publishing.hardest_answers import Answers
from tests.publishing.worlds import Published, publishing

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

LANGUAGES = ("da", "en")
PHONE, SMALL_PHONE, WIDE = 390, 320, 1280


@pytest.fixture(scope="module")
def published(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Published]:
    answers = Answers()

    def fill() -> dict[str, str]:
        paths = hardest()
        kinds = {kind for language in LANGUAGES for kind in answers.add(language)}
        return {**paths, **{f"~{kind}": f"/{{}}/~{kind}/" for kind in kinds}}

    with publishing(tmp_path_factory.mktemp("hardest") / "public", django_db_blocker, fill, answers) as site:
        yield site


# Runs first, so that pytest-django sets up the database even if this file runs alone.
@pytest.mark.django_db
def test_everything_can_be_published(published: Published) -> None:
    assert published.failed == {}


@pytest.fixture(scope="module")
def chromium(published: Published, browser: "Browser") -> "Browser":
    """Starts after publishing: while Playwright runs, Django refuses to use the database."""
    return browser


@pytest.fixture(scope="module")
def page(chromium: "Browser") -> Iterator["Page"]:
    context = chromium.new_context(timezone_id="Europe/Copenhagen", reduced_motion="reduce")
    yield context.new_page()
    context.close()


def is_styled(page: "Page") -> bool:
    return page.locator("link[rel=stylesheet]").count() > 0


def reported(found: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Return only the kinds of page with faults."""
    return {kind: faults for kind, faults in found.items() if faults}


def visits(published: Published, page: "Page", language: str, width: int) -> Iterator[str]:
    """Open each kind of page at a width, with all its parts unfolded; yield the kind."""
    page.set_viewport_size({"width": width, "height": 844})
    for kind in published.paths:
        page.goto(published.url(kind, language))
        page.evaluate(UNFOLD)
        yield kind


# axe takes about a minute for all pages: by default, each language, width and theme once, and all with AXE=everywhere.
EVERYWHERE = os.environ.get("AXE") == "everywhere"
COMBINATIONS = [("da", SMALL_PHONE, "light"), ("en", WIDE, "dark")]
ALL_COMBINATIONS = list(product(LANGUAGES, (SMALL_PHONE, WIDE), ("light", "dark")))


@pytest.mark.parametrize(("language", "width", "scheme"), ALL_COMBINATIONS if EVERYWHERE else COMBINATIONS)
def test_page_is_accessible(published: Published, page: "Page", language: str, width: int, scheme: str) -> None:
    """Also the sizes of targets (WCAG 2.5.8), which depend on the width as contrast depends on the theme."""
    rules = "" if EVERYWHERE or scheme == "light" else VISUAL_RULES
    found: dict[str, list[Any]] = {}
    for kind in visits(published, page, language, width):
        if scheme == "dark" and not is_styled(page):
            continue  # axe takes the browser's own dark background for white
        page.evaluate(AXE)
        found[kind] = faults(page, scheme, rules)
    assert reported(found) == {}


@pytest.mark.parametrize(("width", "percent"), [(SMALL_PHONE, 100), (PHONE, 200)])
@pytest.mark.parametrize("language", LANGUAGES)
def test_page_neither_scrolls_sideways_nor_cuts_or_splits_text(
    published: Published, page: "Page", language: str, width: int, percent: int
) -> None:
    found: dict[str, list[Any]] = {}
    for kind in visits(published, page, language, width):
        page.evaluate(f"document.documentElement.style.fontSize = '{percent}%'")
        cut = [] if kind == "banner" else page.evaluate(CUT_OFF)  # one line, cut if necessary
        found[kind] = [*cut, *page.evaluate(LETTER_BY_LETTER)]
        # The plain pages of refusals have no style: the browser decides on the size of their headline.
        if width_of(page) > width and (is_styled(page) or percent == 100):
            found[kind].append(width_of(page))
    assert reported(found) == {}


def test_pictures_have_a_size_without_style(published: Published, page: "Page") -> None:
    page.route("**/*.css", lambda route: route.abort())
    sizes = "[...document.querySelectorAll('svg')].filter((each) => each.checkVisibility()).map((each) => {{{}}})"
    measure = "const box = each.getBoundingClientRect(); return [box.width, box.height]"
    found: dict[str, list[Any]] = {}
    for kind in visits(published, page, "da", WIDE):
        drawn = page.evaluate(sizes.format(measure))
        found[kind] = [size for size in drawn if size not in ([16, 16], [359, 32])]
    page.unroute("**/*.css")
    assert reported(found) == {}


@pytest.mark.skipif("VNU" not in os.environ, reason="needs Java, and VNU=vnu.jar (npm install vnu-jar)")
def test_page_is_valid_html(published: Published, page: "Page", tmp_path: Path) -> None:
    for language in LANGUAGES:
        for kind in published.paths:
            body = page.request.get(published.url(kind, language)).body()
            (tmp_path / f"{language}-{kind}.html").write_bytes(body)
    command = [
        "java",
        "-jar",
        os.environ["VNU"],
        "--errors-only",
        "--format",
        "json",
        "--exit-zero-always",
        str(tmp_path),
    ]
    run = subprocess.run(command, capture_output=True, check=True)
    messages = json.loads(run.stderr)["messages"]
    assert [(Path(one["url"]).name, one["message"], one.get("extract")) for one in messages] == []
