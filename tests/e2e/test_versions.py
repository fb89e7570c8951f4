"""Versions of a draft in a browser: compared, brought back and saved; accessible on screen and phone."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from harness.product import Product
from tests.e2e.test_newsroom import PHONE, open_newsroom
from tests.support.display import display_problems


@pytest.fixture(scope="module")
def site(product: Callable[..., Product]) -> Product:
    return product(sample_data=True)


def press(page: Page, button: str) -> None:
    with page.expect_navigation():
        page.locator(button).first.click()


def write_draft(page: Page, text: str) -> None:
    page.fill("[name=text_da]", f"{text} på dansk.")
    page.fill("[name=text_en]", f"{text} in English.")
    press(page, "[value=draft]")


def problems(page: Page) -> list[object]:
    return display_problems(page, "light") + display_problems(page, "dark")


@pytest.mark.parametrize(
    "options",
    [
        {"locale": "da-DK", "viewport": {"width": 1280, "height": 900}},
        {"locale": "en-GB", "viewport": PHONE, "has_touch": True},
    ],
    ids=["da-1280", "en-390"],
)
def test_first_version_of_a_draft_is_compared_brought_back_and_saved(
    site: Product, browser: Browser, options: dict[str, Any]
) -> None:
    person = open_newsroom(site, browser, **options)
    page = person.page
    person.logs_in()
    page.goto(f"{site.url}/admin/incidents/incident/")
    press(page, "#result_list a[href*='/change/']")
    press(page, ".steps a[href$='/update/']")
    write_draft(page, "First")
    press(page, ".entry-waiting a[href*='/updates/']")
    write_draft(page, "Second")
    press(page, ".entry-waiting a[href*='/updates/']")
    write_draft(page, "Third")
    press(page, ".entry-waiting a[href$='/versions/']")
    expect(page.locator(".saved-version")).to_have_count(3)
    expect(page.locator(".saved-version").first.locator("del").first).to_contain_text("Second")
    seen = problems(page)
    page.check("[name=from][value='1']")
    page.check("[name=to][value='3']")
    press(page, "button[type=submit].button:not([name])")
    compared = page.locator(".compared")
    expect(compared.locator("[lang=en] del")).to_contain_text("First")
    expect(compared.locator("[lang=en] ins")).to_contain_text("Third")
    assert page.locator("[name=from][value='1']").is_checked()
    seen += problems(page)
    press(page, "a[href$='?version=1']")
    expect(page.locator(".brought-back")).to_be_focused()
    assert page.locator("[name=text_en]").input_value() == "First in English."
    seen += problems(page)
    press(page, "[value=draft]")
    waiting = page.locator(".entry-waiting").first
    expect(waiting).to_contain_text("First in English.")
    press(page, ".entry-waiting a[href$='/versions/']")
    expect(page.locator(".saved-version")).to_have_count(4)
    assert not seen, "\n".join(map(str, seen))
    page.context.close()


def test_details_are_brought_back_without_scripts(site: Product, browser: Browser) -> None:
    person = open_newsroom(site, browser, locale="da-DK", viewport=PHONE, java_script_enabled=False)
    page = person.page
    person.logs_in()
    page.goto(f"{site.url}/admin/incidents/incident/")
    press(page, "#result_list a[href*='/change/']")
    press(page, ".steps a[href$='/details/']")
    page.fill("[name=scope_da]", "Alle kunder")
    page.fill("[name=scope_en]", "All customers")
    press(page, ".submit-row [type=submit]")
    press(page, "a[href$='/details/versions/']")
    expect(page.locator(".saved-version")).to_have_count(2)
    expect(page.locator(".saved-version").first.locator("ins").last).to_contain_text("All customers")
    press(page, "a[href$='?version=1']")
    assert page.locator("[name=scope_en]").input_value() != "All customers"
    page.context.close()
