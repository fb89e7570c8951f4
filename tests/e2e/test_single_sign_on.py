"""Single sign-on on a phone, in Danish: log in, be asked to confirm, log out, and be refused."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from harness.product import Product
from tests.e2e.test_newsroom import PHONE, open_newsroom
from tests.support.display import display_problems
from tests.support.oidc_provider import CLIENT_ID, CLIENT_SECRET, OIDCProvider, running


@pytest.fixture(scope="module")
def provider() -> Iterator[OIDCProvider]:
    with running() as found:
        found.person["groups"] = ["leads"]
        yield found


@pytest.fixture(scope="module")
def site(product: Callable[..., Product], provider: OIDCProvider) -> Product:
    client = {"OIDC_CLIENT_ID": CLIENT_ID, "OIDC_CLIENT_SECRET": CLIENT_SECRET}
    return product(OIDC_ISSUER=provider.address, SSO_ROLES="leads=administrator", **client)


def problems(page: Page) -> list[object]:
    return display_problems(page, "light") + display_problems(page, "dark")


def test_person_logs_in_and_out_on_a_phone(site: Product, provider: OIDCProvider, browser: Browser) -> None:
    page = open_newsroom(site, browser, locale="da-DK", viewport=PHONE, has_touch=True).page
    refused: list[str] = []
    page.on("console", lambda said: refused.append(said.text) if "Content Security" in said.text else None)
    page.goto(f"{site.url}/admin/auth/user/")
    found = problems(page)
    page.get_by_role("link", name="Log ind med 127.0.0.1").click()
    page.wait_for_url("**/admin/auth/user/")
    page.goto(f"{site.url}/admin/auth/user/add/")
    expect(page.locator("h1")).to_have_text("Bekræft, at det er dig")
    found += problems(page)
    page.goto(f"{site.url}/admin/sessions/")
    page.locator("#logout-form").evaluate("form => form.submit()")
    page.wait_for_url("**/admin/logout/")
    provider.person |= {"sub": "bo-1", "preferred_username": "bo", "groups": []}
    page.goto(f"{site.url}/admin/single-sign-on/")
    expect(page.locator("code")).to_have_text("bo-1")
    found += problems(page)
    assert not found, "\n".join(map(str, found))
    assert refused == []
    page.context.close()
