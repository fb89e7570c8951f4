"""Messages for Teams: Adaptive Cards."""

from django.utils.translation import gettext

from .chat import Json, code_request, footer, headline, quote_line, truncate, with_note
from .content import MessageContent, UpdateContent

# A message to Teams may have 28 kB.
_MAX_TEXT = 9_000


def message(page_name: str, content: MessageContent) -> Json:
    """Return an Adaptive Card in the envelope that Workflows and the older connectors accept."""
    facts = [
        {"title": name, "value": f"{appearance.glyph} {status or content.newest.phase}"}
        for name, appearance, status in content.newest.components
    ]
    if content.window:
        facts.append({"title": gettext("When"), "value": content.window})
    body: list[Json] = [
        {"type": "TextBlock", "text": _escape(headline(content)), "size": "large", "weight": "bolder",
         "wrap": True, "style": "heading"},
        *([{"type": "FactSet", "facts": facts}] if facts else []),
        *_text(content.newest),
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


def _text(entry: UpdateContent) -> list[Json]:
    parts: list[Json] = [
        {"type": "TextBlock", "text": _escape(truncate(with_note(entry.text), _MAX_TEXT)), "wrap": True}
    ]
    if entry.quote:
        text = _escape(truncate(entry.quote.plain, _MAX_TEXT))
        parts += [
            {"type": "TextBlock", "text": _escape(quote_line(entry)), "wrap": True, "weight": "bolder"},
            {"type": "Container", "style": "emphasis", "items": [{"type": "TextBlock", "text": text, "wrap": True}]},
        ]
    return [block for block in parts if block.get("text") != ""]


def _escape(text: str) -> str:
    # Escape the Markdown that cards support, so that the text is shown as it is.
    for char in "\\[]*_":
        text = text.replace(char, f"\\{char}")
    return text
