"""What Slack and Teams messages share: the lines above and below the text, and how long they may be.

Incoming webhooks can neither edit a message nor reply in its thread, so each message is
complete. The reader's language and time zone are active.
"""

import json
from collections.abc import Callable
from itertools import accumulate
from typing import Any

from django.utils.translation import gettext, ngettext

from ...shortening import shorten, utf16_length
from ...status import Kind
from ...wording import quote_heading
from .content import MessageContent, Prose, UpdateContent

Json = dict[str, Any]

MAX_COMPONENTS = 20  # the page has the rest


def headline(content: MessageContent) -> str:
    """Return glyph of the state, phase or reminder, and title, like the first lines of an email."""
    correction = f"{gettext('Correction')}: " if content.is_correction else ""
    now_in = f" ({content.is_now_in})" if content.is_now_in else ""
    return f"{content.appearance.glyph} {correction}{content.heading}{now_in}: {content.title.source}"


def footer(page_name: str, content: MessageContent) -> str:
    parts = [page_name, content.newest.at]
    if content.next_update and content.incident.kind != Kind.MAINTENANCE:
        parts.append(gettext("Next update: %(time)s") % {"time": content.next_update})
    return " · ".join(parts)


def new_end(content: MessageContent) -> str:
    """Return the planned end of maintenance and the one before; empty if the update does not change it."""
    if content.new_end is None:
        return ""
    end, former = content.new_end
    return gettext("New planned end: %(end)s (previously: %(former)s)") % {"end": end, "former": former}


def quote_line(entry: UpdateContent) -> str:
    return quote_heading(entry.update.incident.upstream_name, entry.update.quote_language)


def with_note(text: Prose) -> str:
    return f"({text.note}) {text.plain}" if text.note else text.plain


def encoded(message: Json) -> bytes:
    """Return the JSON that is posted. Unescaped, so that placeholders for the recipient's values are found."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def shorten_encoded(text: str, limit: int, encode: Callable[[str], str], more: str, *, is_cut: bool = False) -> str:
    """Encode a text in at most `limit` UTF-16 code units; one that is too long ends with “…” and `more`, a link.

    So does one that `is_cut` already. It is cut before it is encoded, so that no escape sequence
    is cut. Code units, because they are the most that anybody counts as one character.
    """
    whole = encode(text)
    if utf16_length(whole) <= limit and not is_cut:
        return whole
    ending = f" … {more}"
    room = limit - utf16_length(ending)
    return encode(shorten(text, lambda part: utf16_length(encode(part)) <= room).rstrip(" …")) + ending


def shorten_line(text: str, limit: int) -> str:
    """Return a plain line of at most `limit` UTF-16 code units, with “…” at the end if it was longer."""
    short = shorten(text, lambda part: utf16_length(part) < limit)
    return text if utf16_length(text) <= limit else f"{short}…"


def split_components(lines: list[str], limit: int) -> tuple[list[str], int]:
    """Return the first lines of a list of components, within `limit` UTF-16 code units, and the number of others."""
    sizes = accumulate(utf16_length(line) + 1 for line in lines[:MAX_COMPONENTS])
    shown = sum(size <= limit for size in sizes)
    return lines[:shown], len(lines) - shown


def components_left_out(number: int) -> str:
    return ngettext("+ %(number)s more", "+ %(number)s more", number) % {"number": number}


def code_request(page_name: str) -> str:
    text = gettext(
        "Someone asked for status updates from %(name)s to be sent here. "
        "To confirm, enter this code on the page that the email linked to:"
    )
    return text % {"name": page_name}
