"""The editor of postmortems on a phone: written, kept as a draft, previewed and published, and accessible."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from harness.product import Product
from tests.e2e.test_newsroom import PHONE, open_newsroom
from tests.support.display import display_problems


@pytest.fixture(scope="module")
def site(product: Callable[..., Product]) -> Product:
    return product(sample_data=True, ANNOUNCEMENT_HOLD="30")


def publish_resolved_incident(page: Page, url: str) -> None:
    page.goto(f"{url}/admin/incidents/incident/add/")
    for name, text in {"title_da": "Mail er nede", "title_en": "Mail is down", "text_en": "It *is* over. So."}.items():
        page.fill(f"[name={name}]", text)
    page.fill("[name=text_da]", "Det er slut. Mere følger.")
    page.check("[name=phase][value=resolved]")
    page.check("[name=notify][value=no]")
    press(page, ".submit-row [value=publish]")


def press(page: Page, button: str) -> None:
    with page.expect_navigation():
        page.locator(button).first.click()


def problems(page: Page) -> str:
    return "\n".join(map(str, display_problems(page, "light") + display_problems(page, "dark")))


@pytest.mark.parametrize(
    ("locale", "headings"),
    [
        ("da-DK", ["Hvad der skete", "Tidslinje", "Hvad vi ændrer"]),
        ("en-GB", ["What happened", "Timeline", "What we change"]),
    ],
)
def test_postmortem_is_written_on_a_phone(site: Product, browser: Browser, locale: str, headings: list[str]) -> None:
    person = open_newsroom(site, browser, locale=locale, viewport=PHONE, has_touch=True)
    person.logs_in()
    page, code = person.page, locale[:2]
    publish_resolved_incident(page, site.url)
    press(page, ".steps a[href*='/postmortem/']")
    assert "It is over." in page.locator("[name=text_timeline_en]").input_value()
    assert not problems(page)

    page.fill(f"[name=text_happened_{code}]", "Mail <was> slow.")
    page.fill(f"[name=text_change_{code}]", "- More disks\n- Alarms")
    page.locator("details.preview summary").click()
    page.select_option("[name=preview]", f"page-{code}")
    expect(page.frame_locator("iframe[name=preview]").locator("body")).to_contain_text("Mail <was> slow.")

    page.locator("[name=publish_at]").locator("xpath=ancestor::details/summary").click()
    page.focus("[name=publish_at]")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.goto(f"{site.url}/admin/")
    press(page, "a[href*='/updates/']")
    assert page.locator(f"[name=text_happened_{code}]").input_value() == "Mail <was> slow."
    page.fill(f"[name=text_change_{code}]", "")
    page.fill(f"[name=text_happened_{code}]", "x" * 20_001)
    press(page, ".submit-row [value=publish]")
    expect(page.locator(".field-text_happened .errorlist")).to_be_visible()
    assert not problems(page)

    page.fill(f"[name=text_happened_{code}]", "Mail was slow.")
    page.fill(f"[name=text_change_{code}]", "More disks.")
    press(page, ".submit-row [value=publish]")
    public = page.locator("[aria-labelledby=published] .entry").first
    assert public.locator(f"[lang={code}] :is(h2, h3, h4, h5)").all_inner_texts() == headings
    press(page, "a[href*='/correct/']")
    assert page.locator(f"[name=text_change_{code}]").input_value() == "More disks."
    assert not problems(page)
    page.context.close()
