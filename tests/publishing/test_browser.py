"""The published pages in a browser: accessible, fit for 320 px, without requests to other sites, storing nothing."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect
from pytest_django import DjangoDbBlocker

from incidents.publishing.documents.assets import asset
from tests.publishing.browser_checks import AXE, CUT_OFF, LETTER_BY_LETTER, UNFOLD, VISUAL_RULES, faults
from tests.publishing.worlds import Published, crowded, empty, publishing, troubled

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, Route


@pytest.fixture(scope="module")
def sites(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Published]]:
    root = tmp_path_factory.mktemp("pages")
    with ExitStack() as stack:
        yield {
            fill.__name__: stack.enter_context(publishing(root / fill.__name__ / "public", django_db_blocker, fill))
            for fill in (troubled, crowded, empty)
        }


@pytest.fixture(scope="module")
def published(sites: dict[str, Published]) -> Published:
    return sites["troubled"]


# Runs first, so that pytest-django sets up the database even if this file runs alone.
@pytest.mark.django_db
def test_everything_can_be_published(sites: dict[str, Published]) -> None:
    assert [one.failed for one in sites.values()] == [{}, {}, {}]


@pytest.fixture(scope="module")
def chromium(sites: dict[str, Published], browser: "Browser") -> "Browser":
    """Starts after publishing: while Playwright runs, Django refuses to use the database."""
    return browser


@pytest.fixture(scope="module")
def context(chromium: "Browser") -> "BrowserContext":
    """One context for all pages, so that anything they store is noticed."""
    return chromium.new_context()


@pytest.fixture
def page(context: "BrowserContext") -> Iterator["Page"]:
    page = context.new_page()
    yield page
    page.close()


def opened(browser: "Browser", address: str, **options: object) -> "Page":
    page = browser.new_context(**options).new_page()  # type: ignore[arg-type]
    page.goto(address)
    return page


INLINE = "document.querySelectorAll('[style], style, script:not([src]), [onclick], [onload], [onerror]').length"
STORED = "[localStorage.length, sessionStorage.length, document.cookie, window.name]"


@pytest.mark.parametrize("language", ["da", "en"])
@pytest.mark.parametrize(
    "kind", ["home", "incident", "history", "month", "component", "maintenance", "follow", "banner"]
)
def test_page_is_accessible_responsive_self_contained(
    published: Published, page: "Page", kind: str, language: str
) -> None:
    """No console messages or foreign requests; accessible in both themes, on any screen and with large text."""
    requests: list[str] = []
    console: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: console.append(message.text))
    page.on("pageerror", lambda error: console.append(str(error)))
    page.set_viewport_size({"width": 1280, "height": 900})
    if kind == "banner":  # for frames, which have no icon
        page.route("**/favicon.ico", lambda route: route.fulfill(status=204))
    page.goto(published.url(kind, language))
    assert page.evaluate(INLINE) == 0
    page.evaluate(UNFOLD)
    page.evaluate(AXE)
    # One language in light and one in dark, since both have the same colours.
    scheme, here, there = ("light", "", VISUAL_RULES) if language == "da" else ("dark", VISUAL_RULES, "")
    assert faults(page, scheme, here) == []
    page.set_viewport_size({"width": 320, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert faults(page, scheme, there) == []
    page.set_viewport_size({"width": 1280, "height": 900})
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    assert page.evaluate(CUT_OFF) == [] or kind == "banner"  # always one line, cut if necessary
    assert len([url for url in requests if not url.endswith("/badge.svg")]) <= 4  # shown on the follow page
    assert all(url.startswith(published.address) for url in requests)
    assert console == []
    assert page.context.cookies() == []
    assert page.evaluate(STORED) == [0, 0, "", ""]


@pytest.mark.parametrize("language", ["da", "en"])
def test_narrow_banner_cuts_a_long_title_but_not_the_number_of_others(
    sites: dict[str, Published], page: "Page", language: str
) -> None:
    page.set_viewport_size({"width": 300, "height": 88})  # the height in the snippet
    page.goto(sites["crowded"].url("banner", language))
    title, others = page.locator(".cause").bounding_box(), page.locator(".others").bounding_box()
    assert title is not None
    assert others is not None
    assert title["x"] + title["width"] <= others["x"]
    assert others["x"] + others["width"] <= 300
    assert abs(title["height"] - others["height"]) < 1  # on one line
    assert title["y"] == others["y"]
    assert page.locator(".others").inner_text() == {"da": "+ 1 mere", "en": "+ 1 more"}[language]
    assert page.evaluate("document.documentElement.scrollHeight") <= 88


@pytest.mark.parametrize(
    ("name", "kind"), [("crowded", "home"), ("crowded", "incident"), ("empty", "home"), ("empty", "history")]
)
def test_crowded_and_empty_pages_are_accessible_and_fit(
    sites: dict[str, Published], page: "Page", name: str, kind: str
) -> None:
    page.set_viewport_size({"width": 320, "height": 900})
    page.goto(sites[name].url(kind))
    page.evaluate(AXE)
    assert faults(page, "light") == []
    page.evaluate(UNFOLD)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert page.evaluate(CUT_OFF) == []


# The last one is illegible on white.
@pytest.mark.parametrize("brand", ["#1f4e79", "#e4002b", "#ffee00"])
def test_any_brand_colour_is_legible_in_both_themes(published: Published, page: "Page", brand: str) -> None:
    page.route("**/site-*.css", lambda route: route.fulfill(body=asset("site.css", brand), content_type="text/css"))
    page.goto(published.url("history"))
    page.locator("main a").first.hover()
    page.evaluate(AXE)
    assert page.locator(".button").count() == 1
    assert faults(page, "light", "color-contrast") == []
    assert faults(page, "dark", "color-contrast") == []


def theme_of(page: "Page") -> str:
    colour = page.locator("body").evaluate("(body) => getComputedStyle(body).backgroundColor")
    return {"rgb(255, 255, 255)": "light", "rgb(20, 23, 26)": "dark"}[colour]


def test_theme_switch_stores_nothing(published: Published, page: "Page") -> None:
    page.goto(published.url("home"))
    assert theme_of(page) == "light"
    page.check("[name=theme][value=dark]")
    assert theme_of(page) == "dark"
    page.evaluate(AXE)
    assert page.evaluate("axe.run({runOnly: ['color-contrast'], preload: false}).then((run) => run.violations)") == []
    page.locator(".masthead-links a").first.click()
    page.wait_for_url("**/history/")  # the fragment that carried the choice is gone from the address
    assert theme_of(page) == "dark"
    page.emulate_media(media="print")
    assert theme_of(page) == "light"
    page.emulate_media(media="screen", color_scheme="dark")
    page.check("[name=theme][value=light]")
    assert theme_of(page) == "light"
    page.check("[name=theme][value=system]")
    assert theme_of(page) == "dark"
    assert page.context.cookies() == []
    assert page.evaluate(STORED) == [0, 0, "", ""]


def test_theme_in_the_address_and_the_switch_work_without_javascript(published: Published, chromium: "Browser") -> None:
    page = opened(chromium, published.url("home") + "#dark", java_script_enabled=False)
    assert theme_of(page) == "dark"
    page.check("[name=theme][value=light]")
    assert theme_of(page) == "light"
    page.context.close()


FOCUSED = """(() => { const it = document.activeElement, box = it.getBoundingClientRect();
    return [it.outerHTML.slice(0, 120), getComputedStyle(it).outlineStyle, box.top + scrollY, box.width * box.height]
})()"""


def test_keyboard_focus_moves_down_the_page_and_is_always_visible(published: Published, page: "Page") -> None:
    page.set_viewport_size({"width": 320, "height": 900})
    page.goto(published.url("home"))
    focused: list[list[Any]] = []
    for _step in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            break
        focused.append(page.evaluate(FOCUSED))
    assert "#content" in focused[0][0]
    assert [html for html, outline, _top, area in focused if outline == "none" or not area] == []
    tops = [top for _html, _outline, top, _area in focused[1:]]
    assert all(later >= earlier - 30 for earlier, later in pairwise(tops))
    assert "theme" in focused[-1][0]


def test_page_is_in_reading_order_without_style(published: Published, page: "Page") -> None:
    page.route("**/*.css", lambda route: route.abort())
    page.goto(published.url("home"))
    text = page.inner_text("body")
    words = "Historik|Nogle systemer|Igangværende|Planlagt vedligeholdelse|Systemer|De seneste dage|Følg|Udseende"
    found = [text.find(f"\n{word}") for word in words.split("|")[1:]]
    assert -1 not in found
    assert found == sorted(found)


def test_pictures_keep_their_size_without_style(published: Published, page: "Page") -> None:
    page.route("**/*.css", lambda route: route.abort())
    page.goto(published.url("home"))
    sizes = "[...document.querySelectorAll('svg')].map((each) => each.getBoundingClientRect())"
    drawn = page.evaluate(f"{sizes}.map((box) => [box.width, box.height])")
    assert drawn
    assert [size for size in drawn if size not in ([16, 16], [359, 32])] == []


@pytest.mark.parametrize(("width", "percent"), [(390, 200), (320, 200), (1280, 200), (1280, 400)])
@pytest.mark.parametrize("kind", ["home", "incident", "history", "month", "component", "maintenance", "follow"])
def test_large_text_neither_scrolls_sideways_nor_stands_letter_by_letter(
    published: Published, chromium: "Browser", kind: str, width: int, percent: int
) -> None:
    page = opened(chromium, published.url(kind), viewport={"width": width, "height": 844})
    page.evaluate(f"document.documentElement.style.fontSize = '{percent}%'")
    page.evaluate(UNFOLD)
    assert page.evaluate(LETTER_BY_LETTER) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.context.close()


@pytest.mark.parametrize("kind", ["home", "incident"])
def test_paper_has_no_relative_times(published: Published, page: "Page", kind: str) -> None:
    page.goto(published.url(kind))
    assert page.locator(".ago:visible").count() > 0
    page.emulate_media(media="print")
    assert page.locator(".ago:visible").count() == 0


def test_nothing_moves_with_reduced_motion(published: Published, page: "Page") -> None:
    page.emulate_media(reduced_motion="reduce")
    page.goto(published.url("home"))
    moving = """[...document.querySelectorAll('*')].filter((each) => {
        const style = getComputedStyle(each);
        return parseFloat(style.transitionDuration) > 0 || style.animationName !== 'none' }).length"""
    assert page.evaluate(moving) == 0
    assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"


def test_print_shows_earlier_updates(published: Published, page: "Page") -> None:
    page.goto(published.url("home"))
    shown = "(each) => each.checkVisibility()"
    assert not page.locator(".earlier .update-text").first.evaluate(shown)
    page.emulate_media(media="print")
    assert page.locator(".earlier .update-text").first.evaluate(shown)
    assert not page.locator(".theme").is_visible()


def test_home_takes_at_most_fifteen_kilobytes(published: Published, chromium: "Browser") -> None:
    context = chromium.new_context()
    page = context.new_page()
    sizes: list[int] = []
    page.on("requestfinished", lambda request: sizes.append(request.sizes()["responseBodySize"]))
    page.goto(published.url("home"), wait_until="networkidle")
    assert sum(sizes) <= 15_000
    context.close()


def test_everything_works_without_javascript(published: Published, chromium: "Browser") -> None:
    page = opened(chromium, published.url("home"), java_script_enabled=False)
    assert page.locator(".bars svg").count() == 5
    page.locator(".history summary").first.click()
    assert page.locator(".history .days").first.is_visible()
    page.context.close()


def test_today_is_visible_on_a_phone(published: Published, chromium: "Browser") -> None:
    page = opened(chromium, published.url("home"), viewport={"width": 320, "height": 800})
    bars = page.locator(".bars").first.bounding_box()
    drawn = page.locator(".bars svg").first.bounding_box()
    assert bars is not None
    assert drawn is not None
    assert drawn["x"] + drawn["width"] == pytest.approx(bars["x"] + bars["width"], abs=1)
    assert drawn["width"] == pytest.approx(2 * bars["width"], abs=1)
    page.context.close()


def test_days_can_be_read_one_by_one_with_the_keyboard(published: Published, chromium: "Browser") -> None:
    page = opened(chromium, published.url("home"))
    summary = page.locator(".component", has_text="system-0").locator(".history summary")
    summary.focus()
    page.keyboard.press("ArrowLeft")
    announced = page.locator("body > p[role=status]").last
    assert re.search(r"\d+\. \w+: I drift", announced.inner_text())
    for _day in range(20):
        page.keyboard.press("ArrowLeft")
    assert "Større nedbrud" in announced.inner_text()
    page.keyboard.press("Enter")
    assert page.locator(".component", has_text="system-0").locator(".days table").is_visible()
    page.context.close()


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("kind", ["home", "incident", "component", "month"])
def test_every_target_is_at_least_24_pixels_high_or_within_a_text(
    published: Published, chromium: "Browser", kind: str, width: int
) -> None:
    page = opened(chromium, published.url(kind), viewport={"width": width, "height": 800})
    page.evaluate(UNFOLD)
    links = ".update-when a, .source a, .component-name a, .entry-title a, .days td a, .touched a, .imprint a"
    small = page.evaluate(
        f"""[...document.querySelectorAll('summary, nav a, .ways a, .story-head a, .watch, .onward a, {links}')]
           .filter((each) => each.checkVisibility() && each.getBoundingClientRect().height < 24)
           .map((each) => each.outerHTML)"""
    )
    assert small == []
    page.context.close()


class Watched:
    """The home page after loading, with a fake clock; `answer` is the response to each check for updates."""

    def __init__(self, page: "Page", address: str) -> None:
        self.page, self.checks = page, 0
        self.answer: dict[str, Any] | None = {}
        page.clock.install()
        page.goto(address)
        self.status = page.get_by_role("status").and_(page.locator(".fresh"))
        page.route("**/da/", self._answered)

    def _answered(self, route: "Route") -> None:
        self.checks += 1
        if self.answer is None:
            route.abort()
        else:
            route.fulfill(**self.answer)

    def wait(self, minutes: int) -> None:
        """Let minutes pass one by one, and wait for the requests of the page."""
        for _minute in range(minutes):
            self.page.clock.run_for(60_000)
            self.page.evaluate("fetch('/en/', { method: 'HEAD' }).then((answer) => answer.status)")

    def hide(self, *, hidden: bool) -> None:
        value = f"{{ value: {str(hidden).lower()}, configurable: true }}"
        self.page.evaluate(f"Object.defineProperty(document, 'hidden', {value})")


@pytest.fixture
def watched(published: Published, chromium: "Browser") -> Iterator[Watched]:
    context = chromium.new_context(locale="da-DK")
    yield Watched(context.new_page(), published.address + "/da/")
    context.close()


OLD, NEW = ({"headers": {"last-modified": f"Fri, 01 Jan {year} 00:00:00 GMT"}} for year in (2010, 2100))


def test_page_announces_a_new_version_once(watched: Watched) -> None:
    watched.answer = OLD
    watched.wait(2)
    assert (watched.checks, watched.status.inner_text()) == (2, "")
    watched.answer = NEW
    watched.wait(1)
    expect(watched.status).to_contain_text("Siden er ændret")
    watched.wait(2)
    assert watched.page.locator(".fresh a").get_attribute("href") == "/da/"
    assert watched.checks == 3


def test_page_does_not_check_for_updates_while_hidden_or_switched_off(watched: Watched) -> None:
    watched.answer = NEW
    watched.hide(hidden=True)
    watched.wait(3)
    watched.hide(hidden=False)
    watched.page.get_by_label("Se efter ændringer hvert minut").uncheck()
    watched.wait(3)
    assert (watched.checks, watched.status.inner_text()) == (0, "")
    watched.page.get_by_label("Se efter ændringer hvert minut").check()
    expect(watched.status).to_contain_text("Siden er ændret")


@pytest.mark.parametrize("failure", [None, {"status": 503}, {"headers": {**OLD["headers"], "age": "3600"}}])
def test_page_warns_that_it_may_be_outdated_until_it_gets_a_response(
    watched: Watched, failure: dict[str, Any] | None
) -> None:
    watched.answer = failure
    watched.wait(4)
    assert watched.status.inner_text() == ""
    watched.wait(2)
    expect(watched.status).to_contain_text("kan være forældet")
    watched.answer = OLD
    watched.wait(1)
    expect(watched.status).to_be_empty()


@pytest.mark.parametrize("kind", ["home", "incident"])
def test_page_is_legible_without_its_colours(published: Published, chromium: "Browser", kind: str) -> None:
    page = opened(chromium, published.url(kind), forced_colors="active")
    states = page.locator(".state:visible")
    assert states.count() > 0
    for state in states.all():
        assert state.inner_text().strip()
        assert state.locator("svg path").get_attribute("d")
    page.context.close()
