"""What is wrong with how a page is displayed: axe-core's violations, and what overflows the window."""

from importlib.resources import files

from playwright.sync_api import Page

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
# Elements that overflow the window, the innermost last.
WIDE = "[...document.querySelectorAll('body *')].filter((one) => one.getBoundingClientRect().right > innerWidth + 1)"
WIDE = f"document.documentElement.scrollWidth > innerWidth + 1 ? {WIDE}.map((one) => one.outerHTML.slice(0, 90)) : []"
# Django's links fade between colours; axe would measure an intermediate one.
ANIMATIONS_FINISHED = """Promise.all(document.getAnimations()
    .filter((one) => one.effect.getComputedTiming().endTime < Infinity)
    .map((one) => one.finished.catch(() => null)))"""


def display_problems(page: Page, scheme: str) -> list[object]:
    """Return axe-core's violations in a colour scheme, and elements that overflow the window."""
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.evaluate(f"{ANIMATIONS_FINISHED}.then(() => null)")
    page.evaluate(AXE)
    found = page.evaluate("axe.run({resultTypes: ['violations'], preload: false}).then((run) => run.violations)")
    wide = page.evaluate(WIDE)
    broken = [(page.url, scheme, one["id"], one["nodes"][0]["html"]) for one in found]
    return [*broken, *((page.url, one) for one in wide)]
