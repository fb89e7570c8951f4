"""Text that was not saved: after a lost network or session, on this device and on another; and who is writing."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from harness.product import PASSWORD, Product
from tests.e2e.test_newsroom import PHONE, Person, open_newsroom
from tests.support.display import display_problems

KEPT_ON_SERVER = re.compile("kept on the server|gemt på serveren")


@pytest.fixture(scope="module")
def site(product: Callable[..., Product]) -> Product:
    return product(sample_data=True, ANNOUNCEMENT_HOLD="30")


@pytest.fixture
def laptop(site: Product, browser: Browser) -> Iterator[Person]:
    """A big screen, in Danish."""
    person = open_newsroom(site, browser, locale="da-DK")
    person.logs_in()
    yield person
    person.page.context.close()


@pytest.fixture
def phone(site: Product, browser: Browser) -> Iterator[Person]:
    """The same person's phone, in English."""
    person = open_newsroom(site, browser, locale="en-GB", viewport=PHONE, has_touch=True)
    person.logs_in()
    yield person
    person.page.context.close()


@pytest.fixture
def incident(site: Product, laptop: Person) -> str:
    """The address of a new public incident, without the step."""
    page = laptop.page
    page.goto(f"{site.url}/admin/incidents/incident/add/")
    for name, text in {"title_da": "Mail er nede", "title_en": "Mail is down", "text_da": "Vi undersøger."}.items():
        page.fill(f"[name={name}]", text)
    page.check("[name=notify][value=no]")
    laptop.presses("[value=publish]")
    return page.url.removesuffix("change/")


def open_form(page: Page, incident: str, step: str) -> str:
    """Open a form and return the name of a box with text."""
    if step == "correct":
        page.goto(f"{incident}change/")
        step = str(page.locator("a[href$='/correct/']").first.get_attribute("href")).split("/change/")[0]
        page.goto(page.url.split("/admin/", maxsplit=1)[0] + step)
        return "text_en"
    page.goto(f"{incident}{step}/")
    return {"update": "text_da", "details": "scope_en"}[step]


def write(page: Page, box: str, text: str) -> None:
    if box.startswith("scope"):
        page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    page.fill(f"[name={box}]", text)


@pytest.mark.parametrize("step", ["update", "correct", "details"])
def test_text_left_on_one_device_goes_on_on_another(laptop: Person, phone: Person, incident: str, step: str) -> None:
    box = open_form(laptop.page, incident, step)
    write(laptop.page, box, "Half a sentence")
    expect(laptop.page.locator("[data-kept-state]")).to_have_text(KEPT_ON_SERVER)
    laptop.page.goto("about:blank")
    open_form(phone.page, incident, step)
    kept = phone.page.locator(".kept:visible")
    expect(kept).to_have_count(1)
    expect(kept).to_contain_text("Half a sentence")
    seen = display_problems(phone.page, "light") + display_problems(phone.page, "dark")
    assert not seen, "\n".join(map(str, seen))
    phone.presses(".kept:visible .default")
    assert phone.page.locator(f"[name={box}]").input_value() == "Half a sentence"
    phone.presses(".submit-row [type=submit]")
    open_form(laptop.page, incident, step)
    expect(laptop.page.locator(".kept:visible")).to_have_count(0)


def test_text_survives_a_lost_network_and_a_lost_session(laptop: Person, phone: Person, incident: str) -> None:
    page = laptop.page
    open_form(page, incident, "update")
    page.fill("[name=text_da]", "Før tunnelen.")
    expect(page.locator("[data-kept-state]")).to_have_text(KEPT_ON_SERVER)
    page.context.set_offline(True)
    page.fill("[name=text_da]", "Før tunnelen. I tunnelen.")
    expect(page.locator("[data-kept-state]")).to_contain_text("gemt i denne browser")
    page.locator("[value=publish]").click()
    page.wait_for_url("chrome-error://**")
    open_form(phone.page, incident, "update")
    expect(phone.page.locator(".kept:visible")).to_contain_text("Før tunnelen.")
    expect(phone.page.locator(".kept:visible")).not_to_contain_text("I tunnelen.")
    page.context.set_offline(False)
    page.context.clear_cookies()
    page.goto(f"{incident}update/")
    laptop.logs_in()
    own = page.locator("[data-kept]")
    expect(own).to_contain_text("I tunnelen.")
    own.locator("[data-restore]").click()
    expect(page.locator("textarea[name=text_da]")).to_have_value("Før tunnelen. I tunnelen.")
    laptop.presses("[value=draft]")
    page.goto(f"{incident}update/")
    expect(page.locator("[data-kept]")).to_be_hidden()
    assert page.locator("b:text('I tunnelen')").count() == 0


def test_log_out_clears_the_browser_and_not_the_server(laptop: Person, incident: str) -> None:
    page = laptop.page
    open_form(page, incident, "update")
    page.fill("[name=text_da]", "Skrevet på en delt computer.")
    expect(page.locator("[data-kept-state]")).to_have_text(KEPT_ON_SERVER)
    assert page.evaluate("Object.keys(localStorage).some((key) => key.startsWith('writing:'))")
    page.locator("[popovertarget=bar-account]").click()
    with page.expect_navigation():
        page.locator("#logout-form button").click()
    assert page.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('writing:'))") == []
    page.goto(f"{incident}update/")
    laptop.logs_in()
    expect(page.locator(".kept:visible")).to_contain_text("Skrevet på en delt computer.")


def test_text_typed_after_back_is_kept_as_well(laptop: Person, incident: str) -> None:
    page = laptop.page
    box = open_form(page, incident, "details")
    write(page, box, "First")
    laptop.presses(".submit-row [type=submit]")
    page.go_back()
    write(page, box, "Second")
    expect(page.locator("[data-kept-state]")).to_have_text(KEPT_ON_SERVER)


def test_others_see_who_is_writing_until_the_form_is_left(
    site: Product, browser: Browser, laptop: Person, incident: str
) -> None:
    ida, ole = laptop.page, open_newsroom(site, browser, locale="en-GB", viewport=PHONE, has_touch=True)
    ida.goto(f"{site.url}/admin/auth/user/add/")
    for name, text in {"username": "ole", "password1": PASSWORD, "password2": PASSWORD}.items():
        ida.fill(f"[name={name}]", text)
    laptop.presses("[name=_save]")
    for right in ("is_staff", "is_superuser"):
        ida.check(f"[name={right}]")
    laptop.presses("[name=_save]")
    ole.logs_in("ole")
    sentence = "admin is writing an update."
    addresses = (f"{site.url}/admin/", f"{incident}change/", f"{incident}update/")
    open_form(ida, incident, "update")
    for address in addresses:
        ole.page.goto(address)
        expect(ole.page.locator(".writers")).to_contain_text(sentence)
        seen = display_problems(ole.page, "light") + display_problems(ole.page, "dark")
        assert not seen, "\n".join(map(str, seen))
    ida.goto(f"{site.url}/admin/")
    expect(ida.locator(".writers")).to_contain_text("ole er ved at skrive en opdatering.")
    expect(ole.page.locator(".writers")).not_to_contain_text(sentence, timeout=30_000)
    ole.page.context.close()
