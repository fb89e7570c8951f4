"""Messages for Teams: Adaptive Cards."""

from django.utils.translation import gettext

from .chat import (
    MAX_COMPONENTS,
    Json,
    code_request,
    components_left_out,
    encoded,
    footer,
    headline,
    new_end,
    quote_line,
    shorten_encoded,
    with_note,
)
from .content import MessageContent

# Teams takes 28 kB of JSON. Each text begins with so many characters; all get fewer until the message fits.
_MAX_BYTES, _MAX_TEXT, _MIN_TEXT = 28_000, 9_000, 200


def message(page_name: str, content: MessageContent) -> Json:
    """Return an Adaptive Card in the envelope that Workflows and the older connectors accept."""
    limit = _MAX_TEXT
    while len(encoded(card := _message(page_name, content, limit))) > _MAX_BYTES and limit > _MIN_TEXT:
        limit = limit * 3 // 4
    return card


def _message(page_name: str, content: MessageContent, limit: int) -> Json:
    body: list[Json] = [
        {"type": "TextBlock", "text": _escape(headline(content)), "size": "large", "weight": "bolder",
         "wrap": True, "style": "heading"},
        *_facts(content),
        *_text(content, limit),
        *_report(content, limit),
        {"type": "TextBlock", "text": _escape(footer(page_name, content)), "wrap": True, "isSubtle": True,
         "size": "small"},
    ]  # fmt: skip
    return _card(
        content.language, body, [{"type": "Action.OpenUrl", "title": gettext("Read more"), "url": content.url}]
    )


def code_message(page_name: str, code: str) -> Json:
    body: list[Json] = [
        {"type": "TextBlock", "text": _escape(code_request(page_name)), "wrap": True},
        {"type": "TextBlock", "text": code, "size": "large", "weight": "bolder"},
    ]
    return _card("", body, [])


def link_message(title: str, text: str, url: str, label: str) -> Json:
    """Return a message with a title in bold, a sentence and a button."""
    body: list[Json] = [
        {"type": "TextBlock", "text": _escape(title), "wrap": True, "weight": "bolder"},
        {"type": "TextBlock", "text": _escape(text), "wrap": True},
    ]
    return _card("", body, [{"type": "Action.OpenUrl", "title": label, "url": url}])


def _card(language: str, body: list[Json], actions: list[Json]) -> Json:
    content = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        **({"lang": language} if language else {}),
        "body": body,
        **({"actions": actions} if actions else {}),
        "msteams": {"width": "Full"},
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": content}
    return {"type": "message", "attachments": [attachment]}


def _facts(content: MessageContent) -> list[Json]:
    components, window = content.newest.components, content.window
    facts = [
        {"title": _escape(name), "value": _escape(f"{appearance.glyph} {status or content.newest.phase}")}
        for name, appearance, status in components[:MAX_COMPONENTS]
    ]
    if window:
        facts.append({"title": _escape(gettext("When")), "value": _escape(window)})
    blocks: list[Json] = [{"type": "FactSet", "facts": facts}] if facts else []
    if left_out := len(components[MAX_COMPONENTS:]):
        blocks.append({"type": "TextBlock", "text": _link(content.url, components_left_out(left_out)), "wrap": True})
    if end := new_end(content):
        blocks.append({"type": "TextBlock", "text": _escape(end), "wrap": True})
    return blocks


def _text(content: MessageContent, limit: int) -> list[Json]:
    entry, more = content.newest, _link(content.url, gettext("Read more"))
    text = shorten_encoded(with_note(entry.text), limit, _escape, more)
    parts: list[Json] = [{"type": "TextBlock", "text": text, "wrap": True}] if text else []
    if entry.quote:
        quote = shorten_encoded(entry.quote.plain, limit, _escape, more)
        parts += [
            {"type": "TextBlock", "text": _escape(quote_line(entry)), "wrap": True, "weight": "bolder"},
            {"type": "Container", "style": "emphasis", "items": [{"type": "TextBlock", "text": quote, "wrap": True}]},
        ]
    return parts


def _report(content: MessageContent, limit: int) -> list[Json]:
    # Return the texts of the report that this update gives or changes, each below its label.
    more, blocks = _link(content.url, gettext("Read more")), list[Json]()
    for section in content.sections:
        text = shorten_encoded(with_note(section.text), limit, _escape, more, is_cut=section.is_cut)
        blocks += [
            {"type": "TextBlock", "text": _escape(section.label), "wrap": True, "weight": "bolder"},
            {"type": "TextBlock", "text": text, "wrap": True, "spacing": "none"},
        ]
    return blocks


def _link(url: str, label: str) -> str:
    return f"[{_escape(label)}]({url})"


def _escape(text: str) -> str:
    # Escape the Markdown that cards support, so that the text is shown as it is.
    for char in "\\[]*_":
        text = text.replace(char, f"\\{char}")
    return text
