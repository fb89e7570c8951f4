"""The badge: the overall state as an image for other pages, with word, shape and colour, and a text alternative.

An image in `<img>` cannot load fonts, so the badge uses installed ones, and each text is
stretched to the width reserved for it. Most readers have Arial or a font of its widths.
"""

from collections.abc import Iterable

from django.utils.html import format_html
from django.utils.translation import pgettext

from ... import links, markup
from ...appearance import APPEARANCES, NONE
from ...labels import COMPONENT_STATUSES, overall_label
from ...status import ComponentStatus
from ...wording import words
from .base import Document, Edition, Subjects
from .pages import shown_state

# White text is legible on it (4.5:1), whatever the page around it looks like.
BACKGROUND = "#31373d"
# Widths of characters that differ from most, in parts of the font size.
_WIDTHS = {
    **dict.fromkeys("ijl", 0.222),
    **dict.fromkeys(" .,:;ftI", 0.278),
    **dict.fromkeys("r-", 0.333),
    **dict.fromkeys("ckJsvxyz", 0.5),
    **dict.fromkeys("mM", 0.833),
    **dict.fromkeys("wæWÆ", 0.9),
}
_SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="24" viewBox="0 0 {width} 24" \
role="img" aria-labelledby="title desc" xml:lang="{language}">
<title id="title">{label}: {word}</title>
<desc id="desc">{page}: {sentence}</desc>
<rect width="{width}" height="24" rx="3" fill="{background}"/>
<path d="M{middle} 0h{right}a3 3 0 0 1 3 3v18a3 3 0 0 1-3 3h-{right}z" fill="{colour}"/>
<path transform="translate({shape_at} 6) scale(.75)" d="{shape}" fill="#fff"/>
<g fill="#fff" font-family="Arial,'Liberation Sans',Roboto,'Noto Sans',sans-serif" font-size="12" aria-hidden="true">
<text x="8" y="16.2" textLength="{label_width}" lengthAdjust="spacingAndGlyphs">{label}</text>
<text x="{word_at}" y="16.2" textLength="{word_width}" lengthAdjust="spacingAndGlyphs">{word}</text>
</g>
</svg>
"""


class Badge(Document):
    """`/da/badge.svg`, and `/badge.svg` in the default language."""

    def __init__(self, *, per_language: bool) -> None:
        self.per_language = per_language

    def all_keys(self) -> Iterable[str]:
        return [""]

    def touched(self, subjects: Subjects) -> Iterable[str]:
        return [""] if subjects.of("component") or subjects.of("incident") else []

    def path(self, key: str, language: str) -> str:
        return links.badge(language if self.per_language else "")

    def render(self, key: str, edition: Edition) -> str:
        state = edition.shared(shown_state)
        return badge_svg(state, markup.clean(words(edition.page.name)) or "Status", edition.language)


def badge_svg(state: str, page: str, language: str) -> str:
    """Return the badge as SVG in the active language, which must be `language`."""
    label = pgettext("on the badge", "Status")
    word = pgettext("on the badge", "Unknown") if state == NONE else str(COMPONENT_STATUSES[ComponentStatus(state)])
    middle = 8 + _width(label) + 8  # where the background ends and the colour begins
    word_at = middle + 8 + 12 + 6  # after the shape
    return format_html(
        _SVG,
        width=word_at + _width(word) + 8,
        right=word_at + _width(word) + 8 - middle - 3,
        middle=middle,
        label=label,
        label_width=_width(label),
        word=word,
        word_at=word_at,
        word_width=_width(word),
        shape=APPEARANCES[state].path,
        shape_at=middle + 8,
        page=page,
        sentence=overall_label(state),
        language=language,
        background=BACKGROUND,
        colour=APPEARANCES[state].light,
    )


def _width(text: str) -> int:
    # Return the approximate width of a text in Arial at size 12.
    return round(12 * sum(_WIDTHS.get(character, 0.7 if character.isupper() else 0.556) for character in text))
