"""The second factor on a phone, in Danish: set up at the first log-in, asked for at the next."""

import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from harness.product import Product
from incidents.sign_in import totp
from tests.e2e.test_newsroom import PHONE, Person, open_newsroom
from tests.support.display import display_problems


@pytest.fixture(scope="module")
def site(product: Callable[..., Product]) -> Product:
    return product(REQUIRE_SECOND_FACTOR="publisher")


def code(secret: str, later: int = 0) -> str:
    return totp.code_at(secret, int(time.time()) // totp.PERIOD + later)


def problems(page: Page) -> list[object]:
    return display_problems(page, "light") + display_problems(page, "dark")


def logs_in_again(person: Person, site: Product, secret: str) -> list[object]:
    """Log out, log in with a code, and once more on the device that is remembered."""
    page = person.page
    page.locator("#logout-form").evaluate("form => form.submit()")
    page.wait_for_url("**/admin/logout/")
    page.goto(f"{site.url}/admin/")
    person.logs_in()
    found = problems(page)
    page.fill("[name=code]", code(secret, later=1))  # that of the set-up is used
    page.check("[name=remember]")
    person.presses("form.composer [type=submit]")
    page.wait_for_url(f"{site.url}/admin/")
    page.context.clear_cookies(name="session")
    page.goto(f"{site.url}/admin/")
    person.logs_in()
    page.wait_for_url(f"{site.url}/admin/")
    return found


def test_factor_is_set_up_and_asked_for_on_a_phone(site: Product, browser: Browser) -> None:
    person = open_newsroom(site, browser, locale="da-DK", viewport=PHONE, has_touch=True)
    page, refused = person.page, []
    page.on("console", lambda said: refused.append(said.text) if "Content Security" in said.text else None)
    page.goto(f"{site.url}/admin/incidents/incident/")
    person.logs_in()
    expect(page.locator("h1")).to_have_text("Slå totrinsbekræftelse til")
    assert page.locator(".second-factor-picture").evaluate("picture => picture.naturalWidth") > 100
    found = problems(page)
    secret = str(page.locator(".second-factor-key").text_content()).replace(" ", "")
    page.fill("[name=code]", "000000")
    person.presses("form.composer [type=submit]")
    expect(page.locator(".errorlist")).to_contain_text("Koden er forkert")
    found += problems(page)
    page.fill("[name=code]", code(secret))
    person.presses("form.composer [type=submit]")
    recovery = page.locator(".second-factor-codes code").all_text_contents()
    assert len(recovery) == 10
    found += problems(page)
    with page.expect_download() as downloaded:
        page.get_by_role("link", name="Hent som tekstfil").click()
    assert recovery[0] in downloaded.value.path().read_text(encoding="utf-8")
    page.get_by_role("link", name="Jeg har gemt dem").click()
    page.wait_for_url("**/admin/incidents/incident/")
    page.goto(f"{site.url}/admin/second-factor/")
    found += problems(page)
    found += logs_in_again(person, site, secret)
    assert not found, "\n".join(map(str, found))
    assert refused == []
    page.context.close()
