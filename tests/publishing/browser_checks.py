"""What tests look for on a page in a browser."""

from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")

UNFOLD = "document.querySelectorAll('details').forEach((each) => { each.open = true })"
# Text that is cut off; the bars show only the newest days on purpose, and wide tables scroll.
CUT_OFF = """[...document.querySelectorAll('body *')].filter((each) =>
    getComputedStyle(each).overflowX !== 'visible' && each.scrollWidth > each.clientWidth + 1
    && !each.closest('.unseen, .trap, .bars, svg, input, textarea, .frame'))
    .map((each) => each.outerHTML.slice(0, 200))"""
# Texts of at least 8 characters with fewer than 4 on an average line.
LETTER_BY_LETTER = """(() => {
    const found = [], range = document.createRange();
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const words = texts.currentNode.data.trim(), parent = texts.currentNode.parentElement;
        if (words.length < 8 || !parent.checkVisibility() || parent.closest('.unseen, .skip, .trap')) continue;
        range.selectNodeContents(texts.currentNode);
        if (words.length / range.getClientRects().length < 4) found.push(parent.outerHTML.slice(0, 120));
    }
    return found })()"""
# The rules that depend on width or theme; all others check only the markup.
VISUAL_RULES = "color-contrast scrollable-region-focusable link-in-text-block target-size"


def faults(page: "Page", scheme: str, rules: str = "") -> list[object]:
    """Return what axe-core reports in a theme; `rules` limits it to some rules."""
    only = f", runOnly: {rules.split()}" if rules else ""
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    options = f"{{resultTypes: ['violations'], preload: false, rules: {{'target-size': {{enabled: true}}}}{only}}}"
    run = page.evaluate(f"axe.run({options}).then((run) => run.violations)")
    return [(scheme, rule["id"], rule["nodes"][0]["html"]) for rule in run]


def width_of(page: "Page") -> int:
    """Return the width of the page's content: greater than the window's if it scrolls sideways."""
    width: int = page.evaluate("document.documentElement.scrollWidth")
    return width
