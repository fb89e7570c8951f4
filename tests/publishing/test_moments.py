"""Relative times in a browser: in the reader's language, as people write them."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SCRIPT = Path(__file__).parents[2] / "static/js/moments.js"
NOW = "2026-11-26T12:00:00Z"


@pytest.mark.parametrize(
    ("language", "at", "text"),
    [
        ("da", "2026-11-26T11:00:00Z", "for en time siden"),
        ("da", "2026-11-26T10:00:00Z", "for 2 timer siden"),
        ("da", "2026-11-26T11:59:00Z", "for et minut siden"),
        ("da", "2026-11-26T12:21:00Z", "om 21 minutter"),
        ("da", "2026-11-25T12:00:00Z", "i går"),
        ("en", "2026-11-26T11:00:00Z", "1 hour ago"),
        ("en", "2026-11-24T12:00:00Z", ""),
    ],
)
def test_time_says_how_long_ago_it_is(browser: "Browser", language: str, at: str, text: str) -> None:
    page = browser.new_page()
    page.clock.set_fixed_time(NOW)
    page.set_content(f'<html lang="{language}"><p class="relative"><time datetime="{at}">…</time></p></html>')
    page.add_script_tag(path=SCRIPT)
    assert page.locator(".ago").inner_text() == text
    page.close()
