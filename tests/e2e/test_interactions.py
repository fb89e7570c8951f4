"""Fast hands: from the log-in to a notified update in few interactions, keys, menus, and Publish always in reach."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from harness.product import PASSWORD, Product
from harness.waiting import wait_for
from tests.e2e.test_newsroom import MAX_INTERACTIONS, PHONE, open_newsroom
from tests.e2e.test_product import sign_up, text_of
from tests.support.display import display_problems

NARROW = {"width": 320, "height": 640}
DESKTOP = {"width": 1280, "height": 900}
LOCALES = {"da": "da-DK", "en": "en-GB"}
READERS = {"laeser@kunde.example": "da", "reader@customer.example": "en"}
CORRECT = ".entry-tools a[href*='/correct/']"
IS_FOCUSED = "(element) => element === document.activeElement"


@pytest.fixture(scope="module")
def site(product: Callable[..., Product], browser: Browser) -> Product:
    running = product(sample_data=True, ANNOUNCEMENT_HOLD="1")
    sign_up(running, browser, READERS)
    return running


class Hands:
    """Counts interactions: a click or tap, a key that types no text, and a whole text typed into the focused field."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.count = 0

    def type(self, text: str) -> None:
        self.count += 1
        self.page.keyboard.type(text)

    def press(self, key: str) -> None:
        self.count += 1
        self.page.keyboard.press(key)

    def click(self, element: Locator) -> None:
        self.count += 1
        element.click()

    def tap(self, element: Locator) -> None:
        self.count += 1
        element.tap()


def update_by_pointing(hands: Hands, point: Callable[[Locator], None], texts: dict[str, str]) -> None:
    page = hands.page
    hands.type("admin")
    point(page.locator("[name=password]"))
    hands.type(PASSWORD)
    point(page.locator("#login-form [type=submit]"))
    point(page.locator(".front-row a[href$='/update/']").first)
    for code, text in texts.items():
        box = page.locator(f"[name=text_{code}]")
        if not box.evaluate(IS_FOCUSED):
            point(box)
        hands.type(text)
    button = page.locator("[value=publish]")
    if page.viewport_size == PHONE:
        expect(button).to_be_in_viewport(ratio=1)
    with page.expect_navigation():
        point(button)


def update_by_keyboard(hands: Hands, texts: dict[str, str]) -> None:
    page = hands.page
    hands.type("admin")
    hands.press("Tab")
    hands.type(PASSWORD)
    with page.expect_navigation(wait_until="load"):
        hands.press("Enter")
    with page.expect_navigation(wait_until="load"):
        hands.press("u")
    for place, text in enumerate(texts.values()):
        if place:
            hands.press("Tab")
        hands.type(text)
    hands.press("Control+Enter")
    expect(page.locator("[data-forecast]:focus")).to_be_visible()
    with page.expect_navigation():
        hands.press("Control+Enter")


@pytest.mark.parametrize("language", LOCALES)
@pytest.mark.parametrize("device", ["mouse", "touch", "keyboard"])
def test_notified_update_takes_at_most_twelve_interactions_from_the_log_in(
    site: Product, browser: Browser, language: str, device: str
) -> None:
    is_touch = device == "touch"
    options: dict[str, Any] = {"viewport": PHONE if is_touch else DESKTOP, "has_touch": is_touch, "is_mobile": is_touch}
    page = browser.new_context(reduced_motion="reduce", locale=LOCALES[language], **options).new_page()
    page.goto(f"{site.url}/admin/")
    assert page.locator("[name=username]").evaluate(IS_FOCUSED)
    hands, said = Hands(page), f"by {device}, {language}"
    texts = {"da": f"Dansk {said}", "en": f"English {said}"}
    if device == "keyboard":
        update_by_keyboard(hands, texts)
    else:
        update_by_pointing(hands, hands.tap if is_touch else hands.click, texts)
    assert 0 < hands.count <= MAX_INTERACTIONS
    incident = page.url.split("/")[-3]
    for code, text in texts.items():
        assert text in site.get(f"/{code}/incidents/{incident}/")[2]
    expect(page.locator(".entry", has_text=texts[language]).first.locator(".panel")).to_be_visible()
    expect(page.locator("form.held")).to_have_count(0)  # too late to undo: the buttons go away by themselves
    page.context.close()
    for address, code in READERS.items():
        wait_for_mail_with(site, address, texts[code])


def wait_for_mail_with(site: Product, address: str, text: str) -> None:
    wait_for(lambda: any(text in text_of(message) for message in site.mail(address)))


def logged_in(site: Product, browser: Browser, **options: Any) -> Page:
    person = open_newsroom(site, browser, **{"locale": "en-GB", **options})
    person.logs_in()
    return person.page


def goes_to(page: Page, key: str, address: str) -> None:
    page.keyboard.press(key)
    page.wait_for_url(re.compile(re.escape(address)))


def test_keys_open_what_staff_do_most(site: Product, browser: Browser) -> None:
    page = logged_in(site, browser)
    first = page.locator(".front-row a[href$='/update/']").first.get_attribute("href")
    assert first is not None
    goes_to(page, "u", first)
    page.goto(f"{site.url}{first.replace('/update/', '/change/')}")
    goes_to(page, "u", first)
    page.goto(f"{site.url}/admin/incidents/component/")
    goes_to(page, "n", "/incident/add/")
    page.goto(f"{site.url}/admin/")
    goes_to(page, "/", "/incident/#searchbar")
    expect(page.locator("#searchbar")).to_be_focused()
    page.locator("h1").click()
    page.keyboard.press("/")
    expect(page.locator("#searchbar")).to_be_focused()
    assert page.locator("#searchbar").input_value() == ""
    page.context.close()


def test_keys_are_text_in_a_field_and_nothing_with_a_modifier_or_after_writing(site: Product, browser: Browser) -> None:
    page = logged_in(site, browser)
    page.goto(f"{site.url}/admin/incidents/incident/")
    page.locator("#searchbar").focus()
    page.keyboard.type("nu/?")
    assert page.locator("#searchbar").input_value() == "nu/?"
    page.goto(f"{site.url}/admin/incidents/incident/add/")
    address = page.url
    page.locator("h1").click()
    for key in ("Control+u", "Alt+n", "Meta+n", "Shift+N"):
        page.keyboard.press(key)
    page.fill("[name=text_en]", "Unsaved.")
    page.locator("h1").click()
    page.evaluate("window.clicks = 0; addEventListener('click', () => { window.clicks += 1; }, true)")
    for key in ("n", "u", "/"):
        page.keyboard.press(key)
    assert page.evaluate("window.clicks") == 0
    assert page.url == address
    assert page.locator("[name=text_en]").input_value() == "Unsaved."
    page.context.close()


@pytest.mark.parametrize(
    ("locale", "viewport"), [("da-DK", DESKTOP), ("en-GB", PHONE), ("da-DK", NARROW)], ids=["1280", "390", "320"]
)
def test_dialog_lists_the_keys_and_turns_them_off(
    site: Product, browser: Browser, locale: str, viewport: dict[str, int]
) -> None:
    page = logged_in(site, browser, locale=locale, viewport=viewport)
    dialog, opener = page.locator("dialog"), page.locator("[data-key='?']")
    expect(opener).to_be_visible()
    page.keyboard.press("?")
    expect(dialog).to_be_visible()
    assert not display_problems(page, "light") + display_problems(page, "dark")
    page.keyboard.press("n")
    expect(dialog).to_be_visible()
    dialog.locator("[data-keys-on]").uncheck()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.reload()
    page.keyboard.press("n")
    page.keyboard.press("?")
    expect(dialog).to_be_hidden()
    assert page.locator("[aria-keyshortcuts]").count() == 0
    opener.click()
    dialog.locator("[data-keys-on]").check()
    dialog.locator("form button").click()
    assert page.locator("a[aria-keyshortcuts=n]").count() > 0
    goes_to(page, "n", "/incident/add/")
    page.context.close()


def test_keys_are_not_offered_without_scripts(site: Product, browser: Browser) -> None:
    page = logged_in(site, browser, java_script_enabled=False)
    expect(page.locator("dialog")).to_be_hidden()
    expect(page.locator("[data-key='?']")).to_be_hidden()
    assert page.locator("[aria-keyshortcuts]").count() == 0
    page.context.close()


@pytest.mark.parametrize(
    ("language", "words"),
    [("da", ["Gå til hovedindhold", "Gå til »Udgiv«"]), ("en", ["Skip to main content", "Skip to “Publish”"])],
)
def test_skip_links_appear_on_focus_and_lead_to_publish(
    site: Product, browser: Browser, language: str, words: list[str]
) -> None:
    page = logged_in(site, browser, locale=LOCALES[language])
    address = page.locator(".front-row a[href$='/update/']").first.get_attribute("href")
    page.goto(f"{site.url}{address}")
    expect(page.locator("[name=text_da]")).to_be_focused()
    for _stop in ("the other language", "Formatting", "the link"):
        page.keyboard.press("Tab")
    skip = page.locator("a[href='#publish']:focus")
    expect(skip).to_have_text(words[1])
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#publish")).to_be_focused()
    links = page.locator("body > a, #container > a")
    for place, link in enumerate(links.all()):
        link.focus()
        expect(link).to_be_in_viewport(ratio=1)
        expect(link).to_have_text(words[place])
    assert links.count() == len(words)
    page.context.close()


def test_publish_stays_in_reach_on_a_phone_and_covers_no_focused_field(site: Product, browser: Browser) -> None:
    page = logged_in(site, browser, viewport=PHONE, has_touch=True)
    update = page.locator(".front-row a[href$='/update/']").first.get_attribute("href")
    assert update is not None
    page.goto(f"{site.url}{update.replace('/update/', '/change/')}")
    correct = page.locator(CORRECT).first.get_attribute("href")
    for address in (update, update.replace("/update/", "/details/"), correct):
        page.goto(f"{site.url}{address}")
        for button in page.locator(".submit-row .default").all():
            for place in (0, 400, 100_000):
                page.evaluate(f"scrollTo(0, {place})")
                expect(button).to_be_in_viewport(ratio=1)
        page.evaluate("scrollTo(0, 0)")
        for box in page.locator("#content :is(textarea, input, select):visible").all():
            box.focus()
            covered = box.evaluate(
                "(box) => box.getBoundingClientRect().top > document.querySelector('.publish-bar')"
                ".getBoundingClientRect().top - 20"
            )
            assert not covered, box.get_attribute("name")
    page.set_viewport_size({"width": 390, "height": 400})  # as with a keyboard on the screen
    page.evaluate("scrollTo(0, 0)")
    expect(page.locator(".submit-row .default")).not_to_be_in_viewport()
    page.context.close()


@pytest.mark.parametrize("locale", LOCALES.values())
def test_formatting_is_explained_beside_a_text_without_scripts(site: Product, browser: Browser, locale: str) -> None:
    for options in ({"java_script_enabled": False}, {"viewport": NARROW}):
        page = logged_in(site, browser, locale=locale, **options)
        page.goto(f"{site.url}/admin/incidents/incident/add/")
        [formatting] = page.locator(".markup-help").all()
        formatting.locator("summary").click()
        expect(formatting.locator(".prose strong").first).to_be_visible()
        expect(formatting.locator(".prose blockquote")).to_be_visible()
        if "viewport" in options:
            assert not display_problems(page, "light") + display_problems(page, "dark")
        page.context.close()


def test_menus_close_on_escape_and_on_a_click_elsewhere(site: Product, browser: Browser) -> None:
    page = logged_in(site, browser)
    page.goto(f"{site.url}/admin/incidents/incident/")
    for menu in (page.locator(".filter").first, page.locator(".bar-more")):
        summary, choice = menu.locator("summary"), menu.locator("a").first
        summary.click()
        expect(choice).to_be_visible()
        choice.focus()
        page.keyboard.press("Escape")
        expect(choice).to_be_hidden()
        expect(summary).to_be_focused()
        summary.click()
        page.locator("h1").click()
        expect(choice).to_be_hidden()
    page.context.close()


def test_correction_offers_the_choice_of_who_is_notified_that_applies(site: Product, browser: Browser) -> None:
    page = logged_in(site, browser)
    update = page.locator(".front-row a[href$='/update/']").first.get_attribute("href")
    page.goto(f"{site.url}{update}")
    page.fill("[name=text_da]", "Kun på dansk.")
    with page.expect_navigation():
        page.click("[value=publish]")
    wait_for_mail_with(site, "reader@customer.example", "Kun på dansk.")
    page.goto(f"{site.url}{page.locator(CORRECT).first.get_attribute('href')}")
    correction, translation = page.locator("[data-of-correction]"), page.locator("[data-of-translation]")
    expect(correction).to_be_visible()
    expect(translation).to_be_hidden()
    page.fill("[name=text_en]", "Only in Danish.")
    expect(translation).to_be_visible()
    expect(correction).to_be_hidden()
    page.fill("[name=text_da]", "Kun på dansk!")
    expect(correction).to_be_visible()
    expect(translation).to_be_hidden()
    page.context.close()
