"""Two people in two browsers edit the same thing: both texts are kept, and nothing is published unseen."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from harness.product import Product
from tests.e2e.test_newsroom import PHONE, Person, open_newsroom
from tests.support.display import display_problems


@pytest.fixture(scope="module")
def site(product: Callable[..., Product]) -> Product:
    return product(sample_data=True, ANNOUNCEMENT_HOLD="30")


@pytest.fixture(scope="module")
def people(site: Product, browser: Browser) -> Iterator[tuple[Page, Page]]:
    """Ida with a big screen, and Ole with a phone and without JavaScript."""
    ida = open_newsroom(site, browser, locale="en-GB")
    ole = open_newsroom(site, browser, locale="da-DK", viewport=PHONE, has_touch=True)
    for person in (ida, ole):
        person.logs_in()
    yield ida.page, ole.page
    for person in (ida, ole):
        person.page.context.close()


@pytest.fixture
def incident(site: Product, people: tuple[Page, Page]) -> str:
    """The address of a new public incident with one component down."""
    page = people[0]
    page.goto(f"{site.url}/admin/incidents/incident/add/")
    for name, text in {"title_da": "Mail er nede", "title_en": "Mail is down", "text_da": "Et.\n\nTo."}.items():
        page.fill(f"[name={name}]", text)
    page.locator(".component-rows select").first.select_option("major_outage")
    page.check("[name=notify][value=no]")
    press(page, "[value=publish]")
    return page.url.removesuffix("change/")


def press(page: Page, button: str) -> None:
    with page.expect_navigation():
        page.locator(button).first.click()


def fill(page: Page, **texts: str) -> None:
    for name, text in texts.items():
        page.fill(f"[name={name}]", text)


def shown(page: Page) -> Any:
    """The panel above the form that was pressed second; nothing has been stored."""
    panel = page.locator(".collision")
    expect(panel.locator("h2")).to_have_text(re.compile("^(Changed in the meantime|Ændret i mellemtiden)$"))
    seen = display_problems(page, "light") + display_problems(page, "dark")
    assert not seen, "\n".join(map(str, seen))
    return panel


SAVE, PUBLISH = ".submit-row [type=submit]", ".submit-row [value=publish]"


def test_draft_of_two(people: tuple[Page, Page], incident: str) -> None:
    ida, ole = people
    ida.goto(f"{incident}update/")
    fill(ida, text_da="Et.\n\nTo.", text_en="One.")
    press(ida, "[value=draft]")
    draft = ida.locator("a[href*='/updates/']").first.get_attribute("href")
    for page in people:
        page.goto(f"{incident.split('/admin/', maxsplit=1)[0]}{draft}")
    fill(ida, text_da="IDA.\n\nTo.", text_en="Ida.")
    press(ida, "[value=draft]")
    fill(ole, text_da="Et.\n\nOLE.", text_en="Ole.")
    press(ole, PUBLISH)
    panel = shown(ole)
    assert ole.locator("[name=text_da]").input_value() == "IDA.\n\nOLE."
    assert ole.locator("[name=text_en]").input_value() == "Ole."
    expect(panel).to_contain_text("Ida.")
    press(ole, "[name=take][value='theirs text_en']")
    assert ole.locator("[name=text_en]").input_value() == "Ida."
    press(ole, "[name=take][value='mine text_en']")
    assert ole.locator("[name=text_en]").input_value() == "Ole."
    ida.goto(f"{incident.split('/admin/', maxsplit=1)[0]}{draft}")
    assert ida.locator("[name=text_en]").input_value() == "Ida."
    press(ole, "[value=draft]")
    ida.reload()
    assert ida.locator("[name=text_en]").input_value() == "Ole."


def test_details_of_two(people: tuple[Page, Page], incident: str) -> None:
    ida, ole = people
    for page in people:
        page.goto(f"{incident}details/")
    fill(ida, scope_en="Ida's scope")
    press(ida, SAVE)
    fill(ole, workaround_en="Ole's workaround", title_en="Mail is slow")
    press(ole, SAVE)
    expect(shown(ole)).to_contain_text("Ida's scope")
    assert ole.locator("[name=scope_en]").input_value() == "Ida's scope"
    press(ole, SAVE)
    ida.goto(f"{incident}details/")
    for name, text in {
        "scope_en": "Ida's scope",
        "workaround_en": "Ole's workaround",
        "title_en": "Mail is slow",
    }.items():
        assert ida.locator(f"[name={name}]").input_value() == text


def test_updates_of_two(people: tuple[Page, Page], site: Product, incident: str) -> None:
    ida, ole = people
    for page in people:
        page.goto(f"{incident}update/")
        page.check("[name=notify][value=no]")
    ida.check("[name=phase][value=mitigated]")
    ida.locator(".component-rows select").first.select_option("operational")
    fill(ida, text_da="Idas opdatering")
    press(ida, PUBLISH)
    fill(ole, text_da="Oles opdatering")
    press(ole, PUBLISH)
    expect(shown(ole)).to_contain_text("Idas opdatering")
    key = incident.rstrip("/").split("/")[-1]
    assert "Oles opdatering" not in site.get(f"/da/incidents/{key}/")[2]
    assert ole.locator("[name=text_da]").input_value() == "Oles opdatering"
    assert ole.locator("[name=phase]:checked").input_value() == "mitigated"
    assert ole.locator(".component-rows li.concerned select").first.input_value() == "operational"
    press(ole, PUBLISH)
    public = site.get(f"/da/incidents/{key}/")[2]
    assert "Idas opdatering" in public
    assert "Oles opdatering" in public
    ida.goto(f"{incident}update/")
    assert ida.locator("[name=phase]:checked").input_value() == "mitigated"


def test_correction_of_two(people: tuple[Page, Page], site: Product, incident: str) -> None:
    ida, ole = people
    ida.goto(f"{incident}change/")
    address = ida.locator("a[href$='/correct/']").first.get_attribute("href")
    for page in people:
        page.goto(f"{site.url}{address}")
    fill(ida, text_da="Idas rettelse.\n\nTo.")
    press(ida, SAVE)
    fill(ole, text_da="Oles rettelse.\n\nTo.")
    press(ole, SAVE)
    panel = shown(ole)
    expect(panel).to_contain_text("Idas rettelse.")
    expect(panel).to_contain_text("Oles rettelse.")
    key = incident.rstrip("/").split("/")[-1]
    assert "Oles rettelse." not in site.get(f"/da/incidents/{key}/")[2]
    press(ole, "[name=take][value='theirs text_da']")
    expect(shown(ole)).to_contain_text("Oles rettelse.")
    press(ole, SAVE)
    assert "Idas rettelse." in site.get(f"/da/incidents/{key}/")[2]


def test_details_of_two_without_scripts(site: Product, browser: Browser, incident: str) -> None:
    people: list[Person] = [
        open_newsroom(site, browser, locale="en", java_script_enabled=False) for _number in range(2)
    ]
    for person in people:
        person.logs_in()
        person.page.goto(f"{incident}details/")
    for person, text in zip(people, ("Ida", "Ole"), strict=True):
        fill(person.page, scope_en=text)
        press(person.page, SAVE)
    page = people[1].page
    press(page, "[name=take][value='theirs scope_en']")
    assert page.locator("[name=scope_en]").input_value() == "Ida"
    for person in people:
        person.page.context.close()


@pytest.mark.parametrize(
    ("model", "box"), [("component", "description_en"), ("updatetemplate", "text_en"), ("page", "introduction_en")]
)
def test_settings_of_two(people: tuple[Page, Page], site: Product, model: str, box: str) -> None:
    ida, ole = people
    ida.goto(f"{site.url}/admin/incidents/{model}/")
    if model != "page":  # there is one, and its list leads to it
        ida.locator("#result_list a[href*='/change/']").first.click()
        ida.wait_for_url("**/change/**")
    ole.goto(ida.url)
    for page, text in ((ida, "Ida."), (ole, "Ole.")):
        fill(page, **{box: text})
    press(ida, "[name=_save]")
    press(ole, "[name=_save]")
    expect(shown(ole)).to_contain_text("Ida.")
    assert ole.locator(f"[name={box}]").input_value() == "Ole."
    press(ole, f"[name=take][value='theirs {box}']")
    assert ole.locator(f"[name={box}]").input_value() == "Ida."
    press(ole, f"[name=take][value='mine {box}']")
    press(ole, "[name=_save]")
    ida.goto(f"{site.url}/admin/")
