"""Messages for Slack, in Block Kit."""

from django.utils.translation import gettext

from .chat import Json, code_request, footer, headline, quote_line, truncate, with_note
from .content import MessageContent, UpdateContent
from .mime import one_line

# Slack's limits: 150 characters in a header, 3,000 in a section.
_MAX_TITLE, _MAX_TEXT = 150, 2_700


def message(page_name: str, content: MessageContent) -> Json:
    """Return Block Kit; notifications and screen readers use `text`."""
    title = headline(content)
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": one_line(title, _MAX_TITLE), "emoji": False}},
        *(_section(text) for text in [_facts(content), *_text(content.newest)] if text),
        {"type": "context", "elements": [{"type": "mrkdwn", "text": _escape(footer(page_name, content))}]},
        {
            "type": "actions",
            "elements": [
                {"type": "button", "text": {"type": "plain_text", "text": gettext("Read more")}, "url": content.url}
            ],
        },
    ]
    return {"text": _escape(f"{page_name}: {title}"), "unfurl_links": False, "blocks": blocks}


def code_message(page_name: str, code: str) -> Json:
    return {"text": f"{_escape(code_request(page_name))} *{code}*"}


def _text(entry: UpdateContent) -> list[str]:
    # Return the text of the update, and the quoted statement below a line that names its author.
    parts = [truncate(_escape(with_note(entry.text)), _MAX_TEXT)]
    if entry.quote:
        lines = truncate(_escape(entry.quote.plain), _MAX_TEXT).splitlines()
        parts += [f"*{_escape(quote_line(entry))}*", "\n".join(f"> {line}" for line in lines)]
    return parts


def _facts(content: MessageContent) -> str:
    lines = [
        f"{appearance.glyph} *{_escape(name)}*{status and f': {_escape(status)}'}"
        for name, appearance, status in content.newest.components
    ]
    if content.window:
        lines.append(f"*{_escape(gettext('When'))}*: {_escape(content.window)}")
    return truncate("\n".join(lines), _MAX_TEXT)


def _section(text: str) -> Json:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _escape(text: str) -> str:
    # Escape as Slack requires, also so that no text can notify a whole channel (<!channel>).
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
