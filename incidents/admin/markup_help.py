"""The formatting that texts may have: what staff write, and what readers see."""

import re

from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from .. import markup

_HEADING = re.compile(r"<(/?)h[34]>")
_LINK = re.compile(r"<a [^>]*>(.*?)</a>")


def examples() -> list[tuple[str, SafeString]]:
    """Return sources in our Markdown and what becomes of each, in the active language."""
    bold, italic, page, heading = _("bold"), _("italic"), _("our page"), _("Heading")
    first, second, quote = _("First point"), _("Second point"), _("What somebody else says")
    start, end = pgettext("column of an example", "From"), pgettext("column of an example", "To")
    sources = [
        f"**{bold}**, *{italic}*",
        f"[{page}](https://example.com)",
        f"- {first}\n- {second}",
        f"1. {first}\n2. {second}",
        f"> {quote}",
        "`451 4.7.500`",
        "```\n451 4.7.500 Server busy\n```",
        f"## {heading}",
        f"| {start} | {end} |\n|---|---|\n| 9.30 | 10.15 |",
    ]
    return [(source, _shown(source)) for source in sources]


def _shown(source: str) -> SafeString:
    # A heading or link of an example only looks like one: it must not be among those of the page.
    html = _LINK.sub(r'<span class="as-link">\1</span>', markup.html(source))
    html = _HEADING.sub(lambda tag: "</strong>" if tag[1] else '<strong class="as-heading">', html)
    return mark_safe(html)  # noqa: S308 - from markup
