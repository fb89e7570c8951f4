"""Enter publishes nothing; the sentence beside Publish is true in every time zone of the browser."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page, expect

from harness.product import Product
from tests.e2e.test_newsroom import Person, open_newsroom

TEXT_FIELDS = "#content form.composer, #content form[data-once]"
BOXES = 'input:not([type="hidden"], [type="radio"], [type="checkbox"], [type="submit"])'
COPENHAGEN = ZoneInfo("Europe/Copenhagen")


@pytest.fixture(scope="module")
def site(product: Callable[..., Product]) -> Product:
    return product(sample_data=True, ANNOUNCEMENT_HOLD="30")


def logged_in(site: Product, browser: Browser, **options: str) -> Person:
    person = open_newsroom(site, browser, locale="en-GB", **options)
    person.logs_in()
    return person


def new_incident(site: Product, page: Page, phase: str = "investigating") -> str:
    """The address of a new public incident."""
    page.goto(f"{site.url}/admin/incidents/incident/add/")
    for name in ("title_da", "title_en", "text_da", "text_en"):
        page.fill(f"[name={name}]", "Mail")
    page.check("[name=notify][value=no]")
    page.check(f"[name=phase][value={phase}]")
    with page.expect_navigation():
        page.click("[value=publish]")
    return page.url.removesuffix("change/")


def public_state(site: Product, address: str) -> str:
    key = address.rstrip("/").split("/")[-1]
    text = site.get(f"/en/incidents/{key}/")[2]
    return re.sub(r"<time.*?</time>|\d+ (second|minute)s?", "", text[text.index("<main") : text.index("</main>")])


def test_enter_in_each_text_field_of_each_form_publishes_nothing(site: Product, browser: Browser) -> None:
    page = logged_in(site, browser).page
    is_open, is_over = new_incident(site, page), new_incident(site, page, "resolved")
    page.goto(f"{is_open}change/")
    correct = page.locator(".entry-tools a[href$='/correct/']").first.get_attribute("href")
    before = [public_state(site, one) for one in (is_open, is_over)]
    addresses = [
        f"{is_open}update/",
        f"{is_over}update/?phase=postmortem",
        f"{is_over}update/?reopen=1",
        f"{is_open}details/",
        f"{is_over}details/",
        f"{site.url}{correct}",
    ]
    pressed = 0
    for address in addresses:
        page.goto(address)
        names = page.locator(TEXT_FIELDS).locator(BOXES).evaluate_all("found => found.map(({ name }) => name)")
        assert names, address
        for name in names:
            page.goto(address)
            page.evaluate("document.querySelectorAll('#content details').forEach((part) => { part.open = true })")
            box = page.locator(f"#content [name={name}]")
            if page.locator("[name=text_en]").count():
                page.fill("[name=text_en]", f"Typed with Enter in {name}")
            with page.expect_navigation():
                box.press("Enter")
            pressed += 1
            assert [public_state(site, one) for one in (is_open, is_over)] == before, (address, name)
    assert pressed > len(addresses)
    page.context.close()


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "UTC", "America/Los_Angeles"])
def test_sentence_is_true_in_every_time_zone_of_the_browser(site: Product, browser: Browser, zone: str) -> None:
    page = logged_in(site, browser, timezone_id=zone).page
    address = new_incident(site, page)
    page.goto(f"{address}details/")
    started = datetime.fromisoformat(page.input_value("[name=started_at]"))
    page.goto(f"{address}update/")
    page.locator("summary", has_text="Backdate or schedule").click()
    now = datetime.now(COPENHAGEN)
    page.fill("[name=at]", f"{now:%Y-%m-%dT%H:%M}")
    expect(page.locator("form:not([data-stale]) .says-tells")).to_be_visible()
    page.fill("[name=at]", f"{started - timedelta(hours=1):%Y-%m-%dT%H:%M}")
    expect(page.locator("form:not([data-stale]) .says-quiet")).to_be_visible()
    expect(page.locator(".oversights")).to_contain_text("before the incident began")
    page.context.close()


def test_postmortem_says_what_will_happen(site: Product, browser: Browser) -> None:
    page = logged_in(site, browser).page
    failed: list[str] = []
    page.on("pageerror", lambda error: failed.append(str(error)))
    page.goto(f"{new_incident(site, page, 'resolved')}postmortem/")
    expect(page.locator("form:not([data-stale]) [data-forecast]")).to_contain_text("Readers see “Postmortem”.")
    assert failed == []
    page.context.close()


def test_ctrl_enter_publishes_only_after_the_sentence_was_shown(site: Product, browser: Browser) -> None:
    page = logged_in(site, browser).page
    address = new_incident(site, page)
    before = public_state(site, address)
    page.goto(f"{address}update/")
    page.fill("[name=text_en]", "Found the cause.")
    page.check("[name=notify][value=no]")
    page.locator("[name=text_en]").press("Control+Enter")
    expect(page.locator("[data-forecast]:focus")).to_contain_text("Nobody is notified.")
    page.fill("[name=text_en]", "Found the real cause.")
    page.locator("[name=text_en]").press("Control+Enter")
    expect(page.locator("[data-forecast]:focus")).to_contain_text("Nobody is notified.")
    assert public_state(site, address) == before
    with page.expect_navigation():
        page.keyboard.press("Control+Enter")
    assert "Found the real cause." in public_state(site, address)
    page.context.close()


def test_back_and_publish_again_notifies_once(site: Product, browser: Browser) -> None:
    page = logged_in(site, browser).page
    address = new_incident(site, page)
    page.goto(f"{address}update/")
    page.fill("[name=text_en]", "Found the cause.")
    page.check("[name=notify][value=yes]")
    with page.expect_navigation():
        page.click("[value=publish]")
    page.go_back()
    if "/update/" in page.url:  # as the browser kept it, with the text; or else where its first press led
        with page.expect_navigation():
            page.click("[value=publish]")
    expect(page.locator(".messagelist")).to_contain_text("Nothing was done twice.")
    page.goto(f"{address}change/")
    expect(page.locator("form.held")).to_have_count(1)
    assert public_state(site, address).count("Found the cause.") == 1
    page.context.close()
