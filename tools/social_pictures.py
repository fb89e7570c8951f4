"""Redraws `static/img/social/` after a change of words, shapes or colours: `make social`.

Each picture is a screenshot of a page in Chromium. `words.json` lists the words on them, so
that a test finds outdated pictures.
"""

import json
import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "statuspage.settings")
os.environ.setdefault("SECRET_KEY", "pictures-only-that-signs-nothing-real")

import django

django.setup()

from django.conf import settings
from django.utils.html import format_html
from django.utils.translation import override
from playwright.sync_api import Page

from harness.browser import launch
from incidents.appearance import APPEARANCES
from incidents.publishing.documents.social import DRAWINGS, FOLDER, HEIGHT, WIDTH, WORDLESS
from tools.fonts import require_font

STYLE = """
body { margin: 0; width: 1200px; height: 630px; background: #fff }
body { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: 64px;
  align-items: center; box-sizing: border-box; padding: 0 96px; color: #15181b }
svg { width: 220px } body.wordless { grid-template-columns: 1fr; justify-items: center } .wordless svg { width: 340px }
h1 { margin: 0; font: 600 84px/1.1 "Inter", "Helvetica Neue", "Liberation Sans", Arial, sans-serif }
h1 { letter-spacing: -.025em;
  text-wrap: balance }
"""


def main() -> None:
    require_font()
    words_of: dict[str, dict[str, str]] = {}
    with launch() as browser:
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        for language, _name in settings.LANGUAGES:
            with override(language):
                words_of[language] = {name: str(drawing.words) for name, drawing in DRAWINGS.items()}
        for language in (*words_of, WORDLESS):
            for name in DRAWINGS:
                draw(page, language, name, words_of.get(language, {}).get(name, ""))
    (FOLDER / "words.json").write_text(
        json.dumps(words_of, ensure_ascii=False, indent=1, sort_keys=True) + "\n", "utf-8"
    )


def draw(page: Page, language: str, name: str, words: str) -> None:
    look = APPEARANCES[DRAWINGS[name].state]
    page.set_content(
        f"<style>{STYLE}</style>"
        + format_html(
            '<body class="{}"><svg viewBox="0 0 16 16"><path fill="{}" d="{}"/></svg>{}',
            "" if words else "wordless",
            look.light,
            look.path,
            format_html("<h1>{}</h1>", words) if words else "",
        )
    )
    page.screenshot(path=FOLDER / language / f"{name}.png")


if __name__ == "__main__":
    main()
