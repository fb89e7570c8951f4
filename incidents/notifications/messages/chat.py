"""What Slack and Teams messages share: the lines above and below the text, and how texts are cut.

Incoming webhooks can neither edit a message nor reply in its thread, so each message is
complete. The reader's language and time zone are active.
"""

from typing import Any

from django.utils.translation import gettext

from ...status import Kind
from ...wording import quote_heading
from .content import MessageContent, Prose, UpdateContent

Json = dict[str, Any]


def headline(content: MessageContent) -> str:
    """Return glyph of the state, phase and title, like the first line of an email."""
    correction = f"{gettext('Correction')}: " if content.is_correction else ""
    return f"{content.appearance.glyph} {correction}{content.newest.phase}: {content.title.source}"


def footer(page_name: str, content: MessageContent) -> str:
    parts = [page_name, content.newest.at]
    if content.next_update and content.incident.kind != Kind.MAINTENANCE:
        parts.append(gettext("Next update: %(time)s") % {"time": content.next_update})
    return " · ".join(parts)


def quote_line(entry: UpdateContent) -> str:
    return quote_heading(entry.update.incident.upstream_name, entry.update.quote_language)


def with_note(text: Prose) -> str:
    return f"({text.note}) {text.plain}" if text.note else text.plain


def truncate(text: str, limit: int) -> str:
    """Cut the text between words, so that no escape sequence is cut."""
    return text if len(text) <= limit else text[:limit].rsplit(maxsplit=1)[0] + " …"


def code_request(page_name: str) -> str:
    text = gettext(
        "Someone asked for status updates from %(name)s to be sent here. "
        "To confirm, enter this code on the page that the email linked to:"
    )
    return text % {"name": page_name}
