"""Messages for Slack, in Block Kit."""

from collections.abc import Callable

from django.utils.translation import gettext

from .chat import (
    Json,
    code_request,
    components_left_out,
    footer,
    headline,
    new_end,
    quote_line,
    shorten_encoded,
    shorten_line,
    split_components,
    with_note,
)
from .content import MessageContent

# Slack's limits: 150 characters in a header and 3,000 in a section, as they are sent. Of 50 blocks we need twelve.
_MAX_TITLE, _MAX_TEXT = 150, 3_000


def message(page_name: str, content: MessageContent) -> Json:
    """Return Block Kit; notifications and screen readers use `text`."""
    title = headline(content)
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": shorten_line(title, _MAX_TITLE), "emoji": False}},
        *(_section(text) for text in [_facts(content), *_text(content), *_report(content)] if text),
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


def link_message(title: str, text: str, url: str, label: str) -> Json:
    """Return a message with a title in bold, a sentence and a link."""
    return {"text": f"*{_escape(title)}*\n{_escape(text)}\n{_link(url, label)}", "unfurl_links": False}


def _text(content: MessageContent) -> list[str]:
    # Return the text of the update, and the quoted statement below a line that names its author.
    entry, more = content.newest, _link(content.url, gettext("Read more"))
    parts = [shorten_encoded(with_note(entry.text), _MAX_TEXT, _escape, more)]
    if entry.quote:
        parts += [f"*{_escape(quote_line(entry))}*", shorten_encoded(entry.quote.plain, _MAX_TEXT, _quote, more)]
    return parts


def _report(content: MessageContent) -> list[str]:
    # Return the texts of the report that this update gives or changes, each below its label.
    more = _link(content.url, gettext("Read more"))
    return [
        shorten_encoded(with_note(section.text), _MAX_TEXT, _labelled(section.label), more, is_cut=section.is_cut)
        for section in content.sections
    ]


def _facts(content: MessageContent) -> str:
    lines = [
        f"{appearance.glyph} *{_escape(name)}*{status and f': {_escape(status)}'}"
        for name, appearance, status in content.newest.components
    ]
    ending = [f"*{_escape(gettext('When'))}*: {_escape(content.window)}"] if content.window else []
    ending += [_escape(end)] if (end := new_end(content)) else []
    shown, left_out = split_components(lines, _MAX_TEXT - 500)
    if left_out:
        shown.append(_link(content.url, components_left_out(left_out)))
    return "\n".join(shown + ending)


def _link(url: str, label: str) -> str:
    return f"<{_escape(url)}|{_escape(label)}>"


def _labelled(label: str) -> Callable[[str], str]:
    return lambda text: f"*{_escape(label)}*\n{_escape(text)}"


def _quote(text: str) -> str:
    return "\n".join(f"> {line}" for line in _escape(text).splitlines())


def _section(text: str) -> Json:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _escape(text: str) -> str:
    # Escape as Slack requires, also so that no text can notify a whole channel (<!channel>).
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
