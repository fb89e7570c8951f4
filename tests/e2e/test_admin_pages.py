"""Every page of the admin in a browser: accessible, within a phone's width, and without refused styles or scripts."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from harness.product import PASSWORD, Product
from tests.support.display import display_problems

# No link leads to these.
UNLINKED = ("/incidents/", "/incidents/page/", "/password_change/done/", "/nothing/")
# One page of each kind is looked at: the ids in its address do not matter, nor its query.
ID = re.compile(r"/(?:[a-z0-9]{12}|[0-9]+)(?=/)")


@pytest.fixture(scope="module")
def site(product: Callable[..., Product]) -> Product:
    return product(sample_data=True)


def log_in(page: Page, site: Product) -> None:
    page.fill("[name=username]", "admin")
    page.fill("[name=password]", PASSWORD)
    page.click("#login-form [type=submit]")
    page.wait_for_url(f"{site.url}/admin/")


@pytest.fixture(scope="module")
def unusual(site: Product, browser: Browser) -> list[str]:
    """Pages of what the sample data has none of: a draft with versions, unsaved text, a withdrawn incident."""
    page = browser.new_context(locale="da-DK").new_page()
    page.goto(f"{site.url}/admin/")
    log_in(page, site)
    form = site.url + str(page.locator("a[href$='/update/']").first.get_attribute("href"))
    for address, text in ((form, "Vi arbejder på det."), ("", "Vi arbejder på det endnu.")):
        page.goto(address or site.url + str(page.locator("a[href*='/updates/']").first.get_attribute("href")))
        page.fill("[name=text_da]", text)
        press(page, "[value=draft]")
    draft = str(page.locator("a[href*='/updates/']").first.get_attribute("href")).removeprefix("/admin")
    page.goto(form)
    page.fill("[name=text_da]", "Vi arbejder stadig på det.")
    expect(page.locator("[data-kept-state]")).not_to_be_empty()
    page.goto(f"{site.url}/admin/incidents/incident/?phase__exact=resolved")
    over = first_row(page)
    withdrawn = over.replace("/change/", "/withdraw/")
    page.goto(f"{site.url}/admin{over.replace('/change/', '/postmortem/')}")
    postmortem = page.url.removeprefix(f"{site.url}/admin")
    page.goto(f"{site.url}/admin{withdrawn}")
    press(page, "#content [type=submit]")
    token, work = make_token(page, site), begin_series(page, site)
    make_alert_rule(page, site)
    page.context.close()
    again = over.replace("/change/", "/publish-again/")
    return [token, work, form.removeprefix(f"{site.url}/admin"), draft, f"{draft}versions/", over, again, postmortem]


def begin_series(page: Page, site: Product) -> str:
    """Let the planned maintenance repeat, and start it; return the address of its page."""
    page.goto(f"{site.url}/admin/")
    start = site.url + str(page.locator("a[href$='?phase=in_progress']").first.get_attribute("href"))
    work = start.partition("/update/")[0]
    page.goto(f"{work}/repeat/")
    page.locator("[name=pattern]").last.check()
    press(page, "[name=check]")
    look_twice(page)
    press(page, "[name=save]")
    page.goto(start)
    page.fill("[name=text_da]", "Vi er begyndt.")
    press(page, "[value=publish]")
    expect(page.locator(".planned-end button").first).to_be_visible()
    look_twice(page)
    return f"{work}/change/".removeprefix(f"{site.url}/admin")


def look_twice(page: Page) -> None:
    """Look at a page that only a form leads to, in both widths."""
    found: list[Any] = []
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 844})
        found += display_problems(page, "light") + display_problems(page, "dark")
    assert not found, "\n".join(map(str, found))


def make_token(page: Page, site: Product) -> str:
    """Make an API token, and send an alert from monitoring with it; return the address of its page."""
    page.goto(f"{site.url}/admin/incidents/apitoken/add/")
    page.fill("[name=name]", "Alarmer")
    page.check("[name=scopes][value=publish]")
    press(page, "#content [type=submit]")
    expect(page.locator(".api-secret")).to_have_text(re.compile("^sp_"))
    look_twice(page)
    sent = page.request.post(
        f"{site.url}/api/v1/alerts",
        headers={"Authorization": f"Bearer {page.locator('.api-secret').inner_text()}"},
        data={"alerts": [{"labels": {"alertname": "HostDown", "instance": "web-1.klitvang.example.dk"}}]},
    )
    assert sent.status == 202
    return str(page.locator("#content .submit-row a").get_attribute("href")).removeprefix("/admin")


def make_alert_rule(page: Page, site: Product) -> None:
    """Make an alert rule, and try it."""
    page.goto(f"{site.url}/admin/incidents/alertrule/add/")
    page.fill("[name=name]", "Kritisk")
    page.fill("[name=conditions]", "severity = critical")
    page.select_option("[name=component]", index=1)
    page.select_option("[name=template]", index=1)
    press(page, "[name=_save]")
    page.goto(f"{site.url}/admin/incidents/alertrule/try/")
    page.fill("[name=example]", "severity = critical\ninstance = web-1")
    press(page, "#content [type=submit]")
    look_twice(page)


def press(page: Page, button: str) -> None:
    with page.expect_navigation():
        page.locator(button).last.click()


def every_page(page: Page, site: Product, first: list[str]) -> Iterator[str]:
    """Open the first pages, and one of each other kind that a link of one of them leads to; yield its address."""
    todo = ["/", *reversed(first)]
    seen = {kind(address) for address in todo}
    while todo:
        address = todo.pop()
        page.goto(f"{site.url}/admin{address}")
        yield address
        links = "a[href^='/admin/']:not([download])"
        for found in page.eval_on_selector_all(links, "links => links.map((link) => link.pathname)"):
            linked = found.removeprefix("/admin")
            if kind(linked) not in seen:
                seen.add(kind(linked))
                todo.append(linked)


def kind(address: str) -> str:
    return ID.sub("/*", address)


def first_row(page: Page) -> str:
    address = page.locator("#result_list a[href*='/change/']").first.get_attribute("href")
    assert address is not None
    return address.removeprefix("/admin")


@pytest.mark.parametrize(
    "options",
    [
        {"locale": "da-DK", "viewport": {"width": 1280, "height": 900}},
        {"locale": "en-GB", "viewport": {"width": 1280, "height": 900}},
        {"locale": "da-DK", "viewport": {"width": 390, "height": 844}, "has_touch": True},
        {"locale": "en-GB", "viewport": {"width": 390, "height": 844}, "has_touch": True},
    ],
    ids=["da-1280", "en-1280", "da-390", "en-390"],
)
def test_every_page_is_accessible_and_fits_the_window(
    site: Product, browser: Browser, unusual: list[str], options: dict[str, Any]
) -> None:
    page = browser.new_context(reduced_motion="reduce", **options).new_page()
    refused: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if "Content Security" in message.text:
            refused.append(f"{page.url}: {message.text}")

    page.on("console", note)
    page.goto(f"{site.url}/admin/")
    found = display_problems(page, "light") + display_problems(page, "dark")
    log_in(page, site)
    opened = 0
    for _address in every_page(page, site, [*UNLINKED, *unusual]):
        found += display_problems(page, "light") + display_problems(page, "dark")
        opened += 1
    assert opened > 50
    assert not found, "\n".join(map(str, found))
    assert refused == []
    page.context.close()
