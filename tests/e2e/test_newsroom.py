"""The newsroom in a real browser: few interactions, no lost text, and accessible."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from harness.product import PASSWORD, Product
from tests.support.display import display_problems

PHONE = {"width": 390, "height": 844}
MAX_INTERACTIONS = 12


@pytest.fixture(scope="module")
def site(product: Callable[..., Product]) -> Product:
    return product(sample_data=True, ANNOUNCEMENT_HOLD="30")


class Person:
    """A person at a browser. Each click or choice is one interaction, and so is typing into one box."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.interactions = 0

    def types(self, box: str, text: str) -> None:
        self.interactions += 1
        self.page.fill(box, text)

    def presses(self, button: str) -> None:
        self.interactions += 1
        with self.page.expect_navigation():
            self.page.locator(button).first.click()

    def chooses(self, box: str, **what: Any) -> None:
        self.interactions += 1
        self.page.locator(box).first.select_option(**what)

    def logs_in(self, name: str = "admin") -> None:
        self.types("[name=username]", name)
        self.types("[name=password]", PASSWORD)
        self.presses("[type=submit]")


def open_newsroom(site: Product, browser: Browser, **options: Any) -> Person:
    page = browser.new_context(reduced_motion="reduce", **options).new_page()
    page.goto(f"{site.url}/admin/")
    return Person(page)


@pytest.mark.parametrize(
    ("language", "options"),
    [("da", {"locale": "da-DK"}), ("en", {"locale": "en-GB", "viewport": PHONE, "has_touch": True})],
)
def test_update_is_published_in_a_few_interactions_and_withdrawn_in_one(
    site: Product, browser: Browser, language: str, options: dict[str, Any]
) -> None:
    person = open_newsroom(site, browser, **options)
    page = person.page
    refused: list[str] = []
    page.on(
        "console",
        lambda message: refused.append(message.text) if re.search("Content Security|Blocked", message.text) else None,
    )
    seen = display_problems(page, "light")
    person.logs_in()
    seen += display_problems(page, "light") + display_problems(page, "dark")
    person.presses(".steps .default")
    person.chooses("[name=template]", index=1)
    assert page.locator("[name=text_da]").input_value()
    person.chooses(".component-rows select", value="partial_outage")
    before = person.interactions
    page.locator("[data-preview] summary").click()
    shown = page.frame_locator("[name=preview][sandbox]")
    expect(shown.locator("h1")).to_contain_text("Problemer med Webmail")
    for what in ("mail-en", "feed-da"):
        page.select_option("select[name=preview]", what)
        expect(shown.locator("h1")).to_contain_text(
            "Problems with Webmail" if what == "mail-en" else "Problemer med Webmail"
        )
    seen += display_problems(page, "light") + display_problems(page, "dark")
    person.presses("[value=publish]")
    assert before < person.interactions <= MAX_INTERACTIONS
    assert re.search(r"/incident/\w{12}/change/", page.url)
    assert page.locator(".held").count() == 1
    incident = page.url.split("/")[-3]
    status, _headers, text = site.get(f"/{language}/incidents/{incident}/")
    assert status == 200
    assert ("Problemer med Webmail" if language == "da" else "Problems with Webmail") in text
    page.locator(".held button").first.click()
    page.wait_for_url("**/updates/*/")
    assert page.locator("[name=text_da]").input_value()
    assert site.get(f"/{language}/incidents/{incident}/")[0] == 404
    assert not seen, "\n".join(map(str, seen))
    assert refused == []
    page.context.close()


def test_text_survives_an_expired_session(site: Product, browser: Browser) -> None:
    person = open_newsroom(site, browser, locale="da-DK")
    page = person.page
    person.logs_in()
    person.presses(".steps .default")
    for name, text in {"title_da": "Mail er nede", "text_da": "Skrevet i hast."}.items():
        page.fill(f"[name={name}]", text)
    cookies = [one for one in page.context.cookies() if "csrf" in one["name"]]
    page.context.clear_cookies()
    page.context.add_cookies([{**one} for one in cookies])  # type: ignore[typeddict-item]
    person.presses("[value=publish]")
    person.logs_in()
    kept = page.locator(".kept:visible").first  # of the browser, or of the server if it was quick enough
    expect(kept).to_contain_text("Skrevet i hast.")
    kept.locator(".default").click()
    expect(page.locator("[name=title_da]")).to_have_value("Mail er nede")
    person.presses("[value=draft]")
    assert page.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('writing:'))") == []
    page.context.close()


def test_composer_says_what_readers_will_see_as_the_choices_change(site: Product, browser: Browser) -> None:
    person = open_newsroom(site, browser, locale="en")
    page = person.page
    person.logs_in()
    page.goto(f"{site.url}/admin/incidents/incident/add/")
    row = page.locator(".component-rows li", has=page.locator(".outlook")).first
    lines, status = row.locator(".outlook p:visible"), row.locator("select")
    expect(lines).to_have_text([re.compile("^Stays Degraded performance because of “Webmail is slow”$")])
    status.select_option("major_outage")
    expect(lines).to_have_text([re.compile("^Degraded performance because of"), re.compile("Readers will see: Major")])
    page.check("[name=phase][value=resolved]")
    expect(lines).to_have_text([re.compile("^Stays Degraded performance because of")])
    page.context.close()


def test_composer_counts_subscribers_once_it_is_open(site: Product, browser: Browser) -> None:
    number = re.compile("^(Reaches [0-9]+ p|Nobody subscribes)")
    for scripts in (True, False):
        person = open_newsroom(site, browser, locale="en", java_script_enabled=scripts)
        person.logs_in()
        person.page.goto(f"{site.url}/admin/incidents/incident/add/")
        sentence = number if scripts else "This reaches the subscribers of the affected components."
        expect(person.page.locator("[data-reach]")).to_have_text(sentence)
        person.page.context.close()


def test_composer_promises_no_message_for_an_incident_that_ended_long_ago(site: Product, browser: Browser) -> None:
    person = open_newsroom(site, browser, locale="en")
    page = person.page
    person.logs_in()
    page.goto(f"{site.url}/admin/incidents/incident/add/")
    expect(page.locator(".says-tells")).to_be_visible()
    page.fill("[name=ended_at]", "2023-10-10T10:00")
    expect(page.locator(".says-quiet")).to_be_visible()
    expect(page.locator(".says-tells")).to_be_hidden()
    page.locator("summary", has_text="Backdate or schedule").click()
    page.check("[name=although_backdated]")
    expect(page.locator(".says-tells")).to_be_visible()
    page.context.close()


@pytest.mark.parametrize("locale", ["da-DK", "en-GB"])
def test_forms_of_planned_maintenance_fit_on_a_phone(site: Product, browser: Browser, locale: str) -> None:
    person = open_newsroom(site, browser, locale=locale, viewport=PHONE)
    person.logs_in()
    page, found = person.page, list[object]()
    page.goto(f"{site.url}/admin/incidents/maintenance/")
    planned = page.locator("a[href*='/change/']").first.get_attribute("href")
    assert planned is not None
    for path in ("/admin/incidents/maintenance/add/", planned, planned.replace("/change/", "/details/")):
        page.goto(f"{site.url}{path}")
        found += display_problems(page, "light") + display_problems(page, "dark")
    assert page.locator("[name=notify]").count() == 2
    assert found == []
    page.context.close()
