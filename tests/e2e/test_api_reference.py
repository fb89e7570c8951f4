"""The reference page of the API in a browser: accessible, as wide as the window, and links lead somewhere."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, expect

from harness.product import Product
from tests.support.display import display_problems


@pytest.fixture(scope="module")
def site(product: Callable[..., Product]) -> Product:
    return product()


@pytest.mark.parametrize("width", [1280, 390, 320])
@pytest.mark.parametrize("language", ["da", "en"])
def test_reference_is_accessible_and_no_wider_than_the_window(
    site: Product, browser: Browser, language: str, width: int
) -> None:
    page = browser.new_context(bypass_csp=True, viewport={"width": width, "height": 800}).new_page()
    page.goto(f"{site.url}/{language}/api-reference/")
    assert display_problems(page, "light") + display_problems(page, "dark") == []
    page.locator("nav.part a[href='#incidents']").click()
    expect(page.locator("#incidents")).to_be_in_viewport()
    page.locator("a[href='#ApiIncident']").first.click()
    expect(page.locator("#ApiIncident")).to_be_in_viewport()
    page.context.close()
