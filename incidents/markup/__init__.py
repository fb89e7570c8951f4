"""Markdown to safe HTML and to plain text: the only place where text of staff becomes markup.

python-markdown runs with raw HTML switched off, so that a typed tag is shown as
typed; `safe_html` then keeps only what STANDARDS S5 lists. The source is stored,
and each rendering goes through this module. A text that is more complicated than
`complexity` allows, stored before there were such bounds, is shown as it was typed.
"""

import logging
import re
from functools import lru_cache
from html import escape

from django.utils.safestring import SafeString, mark_safe

from . import complexity, dialect, plain_text, safe_html

logger = logging.getLogger(__name__)

# XML 1.0 forbids these even as references, so they would break feeds (RFC 4287 §2).
# Lone surrogates are no characters, and PostgreSQL rejects them. Noncharacters (Unicode §23.7) are
# reserved for internal use: our placeholders in documents consist of them.
_NONCHARACTERS = "\ufdd0-\ufdef" + "".join(f"{chr(end - 1)}{chr(end)}" for end in range(0xFFFF, 0x110000, 0x10000))
_CONTROL = re.compile(f"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff{_NONCHARACTERS}]")
# Overrides, embeddings and isolates (UAX 9): an unclosed one reverses the text after it, beyond its own line.
_BIDI_CONTROLS = re.compile("[\u202a-\u202e\u2066-\u2069]")
# In HTML from `html`, where each “<” of a text is escaped.
_TABLE = re.compile(r"<table>\s*<thead>(.*?)</thead>.*?</table>", re.DOTALL)
_HEADING_TAG = re.compile(r"(?<=<)(/?)h([34])(?=>)")
_TAG = re.compile(r"<[^>]*>")


def html(source: str) -> SafeString:
    """Return Markdown as HTML that is safe on a page, in a feed and in an email.

    Only TAGS and links with SCHEMES are kept; headings begin at h3; an image
    becomes a link to it, because remote images reveal readers to third parties.
    """
    converted = _converted(source)
    return mark_safe(_as_typed(clean(source)) if converted is None else converted)  # noqa: S308 - this is the sanitiser


@lru_cache(maxsize=512)
def plain(source: str) -> str:
    """Return Markdown as plain text: list items with “-”, quotes with “>”, links as “text (address)”."""
    if _converted(source) is None:
        return clean(source).strip()
    return plain_text.plain(html(source))


# The same text is on the home page, the pages of its incident and month, and in six feeds, rendered together.
@lru_cache(maxsize=1_024)
def _converted(source: str) -> str | None:
    # Return safe HTML; None if the text is too complicated.
    text = clean(source)
    if not complexity.measure(text).is_accepted:
        return None
    try:
        return safe_html.safe(dialect.convert(text))
    except Exception:  # an error in one text would keep each feed and month that contains it from being published
        logger.exception("This text is shown as it was typed, because it cannot be rendered: %.100r", text)
        return None


def on_page(source: str, *, table: str = "", level: int = 3) -> SafeString:
    """Return `html` for a page: headings begin at `level`, and each table scrolls in a frame.

    The frame can be focused, so that it scrolls with the keys, and is named after `table` and its columns.
    """
    page = _TABLE.sub(lambda found: _framed(found, table), html(source))
    return mark_safe(_HEADING_TAG.sub(lambda tag: f"{tag[1]}h{int(tag[2]) + level - 3}", page))  # noqa: S308 - from html


def _framed(table: re.Match[str], word: str) -> str:
    columns = ", ".join(filter(None, (_TAG.sub("", cell).strip() for cell in table[1].split("</th>"))))
    label = ": ".join(filter(None, [escape(word), columns.replace('"', "&quot;")]))
    return f'<div class="frame" role="group" tabindex="0" aria-label="{label}">{table[0]}</div>'


def _as_typed(text: str) -> str:
    # Return escaped paragraphs with the lines of the text.
    paragraphs = (escape(part, quote=False).replace("\n", "<br>\n") for part in text.split("\n\n"))
    return "\n".join(f"<p>{part}</p>" for part in paragraphs if part)


def clean(text: str) -> str:
    """Return text without noncharacters and control characters that XML 1.0 forbids, line ends as \\n."""
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def one_line(text: str) -> str:
    """Return a title or name that is clean, on one line, and cannot reverse the text around it."""
    return " ".join(_BIDI_CONTROLS.sub("", clean(text)).split())
