"""Every page of the admin in a browser: accessible, within a phone's width, and without refused styles or scripts."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page

from harness.product import PASSWORD, Product
from tests.support.display import display_problems

LISTS = """
    incidents/incident incidents/maintenance incidents/component incidents/componentgroup incidents/updatetemplate
    incidents/subscriber incidents/delivery incidents/bounce auth/user auth/group
""".split()
FORMS = (
    "incidents/incident incidents/maintenance incidents/component incidents/componentgroup auth/user auth/group".split()
)
OTHERS = """
    / /incidents/ /incidents/page/ /incidents/subscriber/export/ /incidents/delivery/overview/ /password_change/
    /password_change/done/ /auth/user/1/change/ /auth/user/1/password/ /auth/user/1/history/ /nothing/
""".split()
STEPS = ("change", "update", "details", "details/versions", "withdraw", "history")


@pytest.fixture(scope="module")
def site(product: Callable[..., Product]) -> Product:
    return product(sample_data=True)


def log_in(page: Page, site: Product) -> None:
    page.fill("[name=username]", "admin")
    page.fill("[name=password]", PASSWORD)
    page.click("#login-form [type=submit]")
    page.wait_for_url(f"{site.url}/admin/")


def addresses(page: Page, site: Product) -> Iterator[str]:
    yield from OTHERS
    for name in LISTS:
        yield f"/{name}/"
    for name in FORMS:
        yield f"/{name}/add/"
    page.goto(f"{site.url}/admin/incidents/incident/")
    incident = first_row(page)
    for step in STEPS:
        yield incident.replace("/change/", f"/{step}/")
    page.goto(f"{site.url}/admin/incidents/updatetemplate/")
    template = first_row(page)
    for step in ("change", "delete", "history"):
        yield template.replace("/change/", f"/{step}/")


def first_row(page: Page) -> str:
    address = page.locator("#result_list a[href*='/change/']").first.get_attribute("href")
    assert address is not None
    return address.removeprefix("/admin")


@pytest.mark.parametrize(
    "options",
    [
        {"locale": "da-DK", "viewport": {"width": 1280, "height": 900}},
        {"locale": "en-GB", "viewport": {"width": 390, "height": 844}, "has_touch": True},
    ],
    ids=["da-1280", "en-390"],
)
def test_every_page_is_accessible_and_fits_the_window(site: Product, browser: Browser, options: dict[str, Any]) -> None:
    page = browser.new_context(reduced_motion="reduce", **options).new_page()
    refused: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if "Content Security" in message.text:
            refused.append(f"{page.url}: {message.text}")

    page.on("console", note)
    page.goto(f"{site.url}/admin/")
    found = display_problems(page, "light") + display_problems(page, "dark")
    log_in(page, site)
    for address in list(addresses(page, site)):
        page.goto(f"{site.url}/admin{address}")
        found += display_problems(page, "light") + display_problems(page, "dark")
    assert not found, "\n".join(map(str, found))
    assert refused == []
    page.context.close()
