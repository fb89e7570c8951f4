"""The published pages in a real browser: accessible, within 320 px, with nothing from elsewhere."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files
from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from incidents import operations
from incidents.publishing.publish import publish_all
from incidents.status import ComponentStatus, Impact
from incidents.text import Text
from tests.factories import (
    make_component,
    make_group,
    make_incident,
    make_maintenance,
    make_page,
    make_statement,
    make_update,
)
from tests.publishing.sites import site
from tests.support.wsgi import serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
LONG = "Donaudampfschifffahrt" * 9 + "gesellschaft"
TABLE = f"| Land | Kø |\n|---|---|\n| Danmark | 1200 |\n\n```\n{LONG}\n```\n\n{LONG} 🎉"


@dataclass
class Published:
    """Where the pages are served, the paths of those looked at, and what could not be published."""

    address: str
    paths: dict[str, str]
    failed: dict[str, str]


def fill() -> dict[str, str]:
    make_page()
    start = (timezone.now() - timedelta(days=60)).date()
    group = make_group()
    systems = [make_component(f"system-{number}", group=group, start_date=start) for number in range(4)]
    make_component("long", name=Text(da=LONG[:100]), description=Text(da=LONG))
    past = timezone.now() - timedelta(days=20)
    over = make_incident(
        statement=make_statement(at=past, components={systems[0].pk: ComponentStatus.MAJOR_OUTAGE}), started_at=past
    )
    operations.resolve(incident=over, text=Text(da="Slut."), at=past + timedelta(hours=30), notify=False)
    incident = make_incident(
        statement=make_statement(
            at=timezone.now() - timedelta(hours=3),
            quote="نحن على علم بالمشكلة. **Server busy**",
            quote_language="ar",
            quote_url="https://status.example.com/",
        ),
        started_at=timezone.now() - timedelta(hours=3),
        title=Text(da=LONG[:180]),
        impact=Impact.MAJOR,
        scope=Text(da=TABLE),
        workaround=Text(en="Only in English."),
        next_update_by=timezone.now() + timedelta(hours=1),
        upstream_name="Microsoft",
    )
    components = {systems[1].pk: ComponentStatus.PARTIAL_OUTAGE, systems[2].pk: ComponentStatus.DEGRADED_PERFORMANCE}
    operations.correct_update(update=make_update(incident, components=components), text=Text(da=TABLE))
    tomorrow = timezone.now() + timedelta(days=1)
    make_maintenance(start=tomorrow, end=tomorrow + timedelta(hours=1), components=(systems[3],))
    return {
        "home": "/da/",
        "incident": f"/da/incidents/{incident.pk}/",
        "history": "/da/history/",
        "month": f"/da/history/{timezone.localtime():%Y/%m}/",
        "component": "/da/components/system-0/",
        "maintenance": "/da/maintenance/",
        "follow": "/da/follow/",
        "banner": "/da/banner/",
    }


@pytest.fixture(scope="module")
def published(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Published]:
    """A page with everything on it, published once and served like in production."""
    root = tmp_path_factory.mktemp("pages") / "public"
    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock(), transaction.atomic():
        patch.setattr(settings, "PUBLIC_ROOT", root)
        paths = fill()
        report = publish_all()
        transaction.set_rollback(True)
    with serving(site(root)) as port:
        yield Published(f"http://127.0.0.1:{port}", paths, report.failed)


# Runs first, and has pytest-django set up the database also where this file is run alone.
@pytest.mark.django_db
def test_everything_can_be_published(published: Published) -> None:
    assert published.failed == {}


@pytest.fixture(scope="module")
def chromium(published: Published, browser: "Browser") -> "Browser":
    """Begins after the pages are published: beside a running Playwright, Django refuses the database."""
    return browser


def opened(browser: "Browser", address: str, **options: object) -> "Page":
    page = browser.new_context(**options).new_page()  # type: ignore[arg-type]
    page.goto(address)
    return page


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize(
    "kind", ["home", "incident", "history", "month", "component", "maintenance", "follow", "banner"]
)
def test_page_has_no_accessibility_fault_and_no_sideways_scrolling(
    published: Published, chromium: "Browser", kind: str, width: int
) -> None:
    page = opened(chromium, published.address + published.paths[kind], viewport={"width": width, "height": 900})
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate(AXE)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        assert [(scheme, rule["id"], rule["nodes"][0]["html"]) for rule in found["violations"]] == []
    page.context.close()


@pytest.mark.parametrize("kind", ["home", "incident", "component"])
def test_page_asks_four_times_at_most_and_only_this_house(published: Published, chromium: "Browser", kind: str) -> None:
    context = chromium.new_context()
    page = context.new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(published.address + published.paths[kind], wait_until="networkidle")
    assert len(asked) <= 4
    assert all(url.startswith(published.address) for url in asked)
    assert said == []
    assert context.cookies() == []
    assert page.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]
    context.close()


def test_home_weighs_at_most_fifteen_kilobytes(published: Published, chromium: "Browser") -> None:
    context = chromium.new_context()
    page = context.new_page()
    sizes: list[int] = []
    page.on("requestfinished", lambda request: sizes.append(request.sizes()["responseBodySize"]))
    page.goto(published.address + published.paths["home"], wait_until="networkidle")
    assert sum(sizes) <= 15_000
    context.close()


def test_everything_is_there_without_javascript(published: Published, chromium: "Browser") -> None:
    page = opened(chromium, published.address + "/da/", java_script_enabled=False)
    assert page.locator(".bars svg").count() == 5
    page.locator(".history summary").first.click()
    assert page.locator(".history .days").first.is_visible()
    page.context.close()


def test_today_is_visible_on_a_phone(published: Published, chromium: "Browser") -> None:
    page = opened(chromium, published.address + "/da/", viewport={"width": 320, "height": 800})
    bars = page.locator(".bars").first.bounding_box()
    drawn = page.locator(".bars svg").first.bounding_box()
    assert bars is not None
    assert drawn is not None
    assert drawn["x"] + drawn["width"] == pytest.approx(bars["x"] + bars["width"], abs=1)
    assert drawn["width"] == pytest.approx(2 * bars["width"], abs=1)
    page.context.close()


def test_days_can_be_read_one_by_one_with_the_keyboard(published: Published, chromium: "Browser") -> None:
    page = opened(chromium, published.address + "/da/")
    summary = page.locator(".component", has_text="system-0").locator(".history summary")
    summary.focus()
    page.keyboard.press("ArrowLeft")
    spoken = page.locator("body > p[role=status]").last
    assert re.search(r"\d+\. \w+: I drift", spoken.inner_text())
    for _day in range(20):
        page.keyboard.press("ArrowLeft")
    assert "Større nedbrud" in spoken.inner_text()
    page.keyboard.press("Enter")
    assert page.locator(".component", has_text="system-0").locator(".days table").is_visible()
    page.context.close()


@pytest.mark.parametrize("width", [320, 1280])
def test_every_target_is_at_least_24_pixels_high_or_stands_in_a_text(
    published: Published, chromium: "Browser", width: int
) -> None:
    page = opened(chromium, published.address + "/da/", viewport={"width": width, "height": 800})
    small = page.evaluate(
        """[...document.querySelectorAll('summary, nav a, .ways a')]
           .filter((each) => each.checkVisibility() && each.getBoundingClientRect().height < 24)
           .map((each) => each.outerHTML)"""
    )
    assert small == []
    page.context.close()


def test_page_says_when_it_was_written_anew(published: Published, chromium: "Browser") -> None:
    context = chromium.new_context()
    page = context.new_page()
    page.clock.install()
    page.goto(published.address + "/da/")
    assert page.locator(".fresh").inner_text() == ""
    page.route("**/da/", lambda route: route.fulfill(headers={"last-modified": "Fri, 01 Jan 2100 00:00:00 GMT"}))
    page.clock.run_for(61_000)
    page.locator(".fresh a").wait_for()
    assert page.locator(".fresh a").get_attribute("href") == "/da/"
    context.close()


@pytest.mark.parametrize("kind", ["home", "incident"])
def test_page_reads_without_its_colours(published: Published, chromium: "Browser", kind: str) -> None:
    page = opened(chromium, published.address + published.paths[kind], forced_colors="active")
    states = page.locator(".state:visible")
    assert states.count() > 0
    for state in states.all():
        assert state.inner_text().strip()
        assert state.locator("svg path").get_attribute("d")
    page.context.close()
