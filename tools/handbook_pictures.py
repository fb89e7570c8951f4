"""The screenshots of the staff handbook, the same in each language."""

from collections.abc import Callable

from playwright.sync_api import Page

from tools.pictures import Picture

WIDTH = 1000
TEXTS = {
    "da": "Webmail er hurtig igen. Vi holder øje med den, til vi er sikre på, at fejlen er væk.",
    "en": "Webmail is fast again. We are watching it until we are sure that the fault is gone.",
}


def discard_unsaved(page: Page) -> None:
    """Discard what another picture typed into the same form."""
    button = page.locator(".kept [name=unsaved] ~ button")
    while button.count():
        form = page.url
        with page.expect_navigation():
            button.first.click()
        page.goto(form)


def write_with_template(page: Page) -> None:
    """A template and the status of a component."""
    discard_unsaved(page)
    page.locator("[name=template]").select_option(index=1)
    page.locator(".component-rows select").first.select_option("partial_outage")
    _wait_for_forecast(page)


def write_in_one_language(language: str) -> Callable[[Page], None]:
    def act(page: Page) -> None:
        write_with_template(page)
        for field in ("title", "text"):
            page.fill(f"[name={field}_{'en' if language == 'da' else 'da'}]", "")
        _wait_for_forecast(page)

    return act


def update(page: Page) -> None:
    """Open the form for an update of the first open incident, and fill it in."""
    page.click("[data-key=u]")
    discard_unsaved(page)
    page.check("[name=phase][value=mitigated]")
    for language, text in TEXTS.items():
        page.fill(f"[name=text_{language}]", text)
    _wait_for_forecast(page)


def publish(page: Page) -> None:
    """An update with a message to subscribers. The page shows its hold."""
    update(page)
    with page.expect_navigation():
        page.click("[value=publish]")
    page.locator("form.held").first.wait_for()


def _wait_for_forecast(page: Page) -> None:
    page.locator("form:not([data-stale]) [data-forecast] > .says").first.wait_for()
    page.locator("h1").click()  # no field is in focus


def _pictures(language: str) -> list[Picture]:
    def picture(name: str, path: str, act: Callable[[Page], None] | None = None, of: tuple[str, ...] = ()) -> Picture:
        name = f"handbook-{name}-{language}"
        return Picture(name, path, width=WIDTH, staff=True, language=language, act=act, of=of)

    new = "/admin/incidents/incident/add/"
    return [
        picture("composer", new, write_with_template, ("h1", ".field-text")),
        picture("audience", new, write_in_one_language(language), (".field-notify", ".publish-bar")),
        picture("translation", "/admin/", update, (".field-phase", ".field-text")),
        picture("postmortem", "/admin/incidents/incident/{incident}/postmortem/", None, ("h1", ".field-text_timeline")),
        # The last ones change what others would show.
        picture("incident", "/admin/", publish, ("h1", "article.entry")),
        picture("delivery", "/admin/incidents/delivery/overview/", None, ("h1", "#content .live")),
    ]


PICTURES = [picture for language in TEXTS for picture in _pictures(language)]
