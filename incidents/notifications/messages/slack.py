"""Messages for Slack and Teams: state, affected components, text of the update, and a link to the page.

Incoming webhooks can neither edit a message nor reply in its thread, so each message is
complete. The reader's language and time zone are active.
"""

from typing import Any

from django.utils.translation import gettext

from ...status import Kind
from ...wording import quote_heading
from .content import MessageContent, Prose, UpdateContent
from .mime import one_line

Json = dict[str, Any]

# Limits of the services: 150 characters in a header of Slack, 3,000 in a section; 28 kB in a message to Teams.
_MAX_SLACK_TITLE, _MAX_SLACK_TEXT, _MAX_TEAMS_TEXT = 150, 2_700, 9_000


def slack(page_name: str, content: MessageContent) -> Json:
    """Return Block Kit; notifications and screen readers use `text`."""
    title = _headline(content)
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": one_line(title, _MAX_SLACK_TITLE), "emoji": False}},
        *(_slack_section(text) for text in [_slack_facts(content), *_slack_text(content.newest)] if text),
        {"type": "context", "elements": [{"type": "mrkdwn", "text": _escape_slack(_footer(page_name, content))}]},
        {
            "type": "actions",
            "elements": [
                {"type": "button", "text": {"type": "plain_text", "text": gettext("Read more")}, "url": content.url}
            ],
        },
    ]
    return {"text": _escape_slack(f"{page_name}: {title}"), "unfurl_links": False, "blocks": blocks}


def teams(page_name: str, content: MessageContent) -> Json:
    """Return an Adaptive Card in the envelope that Workflows and the older connectors accept."""
    facts = [
        {"title": name, "value": f"{appearance.glyph} {status}"}
        for name, appearance, status in content.newest.components
    ]
    if content.window:
        facts.append({"title": gettext("When"), "value": content.window})
    body: list[Json] = [
        {"type": "TextBlock", "text": _escape_card(_headline(content)), "size": "large", "weight": "bolder",
         "wrap": True, "style": "heading"},
        *([{"type": "FactSet", "facts": facts}] if facts else []),
        *_teams_text(content.newest),
        {"type": "TextBlock", "text": _escape_card(_footer(page_name, content)), "wrap": True, "isSubtle": True,
         "size": "small"},
    ]  # fmt: skip
    return _card(
        content.language, body, [{"type": "Action.OpenUrl", "title": gettext("Read more"), "url": content.url}]
    )


def slack_code(page_name: str, code: str) -> Json:
    return {"text": f"{_escape_slack(_code_request(page_name))} *{code}*"}


def teams_code(page_name: str, code: str) -> Json:
    body: list[Json] = [
        {"type": "TextBlock", "text": _escape_card(_code_request(page_name)), "wrap": True},
        {"type": "TextBlock", "text": code, "size": "large", "weight": "bolder"},
    ]
    return _card("", body, [])


def _code_request(page_name: str) -> str:
    text = gettext(
        "Someone asked for status updates from %(name)s to be sent here. "
        "To confirm, enter this code on the page that the email linked to:"
    )
    return text % {"name": page_name}


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


def _headline(content: MessageContent) -> str:
    """Return glyph of the state, phase and title, like the first line of an email."""
    correction = f"{gettext('Correction')}: " if content.is_correction else ""
    return f"{content.appearance.glyph} {correction}{content.newest.phase}: {content.title.source}"


def _slack_text(entry: UpdateContent) -> list[str]:
    """Return the text of the update, and the quoted statement below a line that names its author."""
    parts = [_truncate(_escape_slack(_with_note(entry.text)), _MAX_SLACK_TEXT)]
    if entry.quote:
        lines = _truncate(_escape_slack(entry.quote.plain), _MAX_SLACK_TEXT).splitlines()
        parts += [f"*{_escape_slack(_heading(entry))}*", "\n".join(f"> {line}" for line in lines)]
    return parts


def _teams_text(entry: UpdateContent) -> list[Json]:
    parts: list[Json] = [
        {"type": "TextBlock", "text": _escape_card(_truncate(_with_note(entry.text), _MAX_TEAMS_TEXT)), "wrap": True}
    ]
    if entry.quote:
        text = _escape_card(_truncate(entry.quote.plain, _MAX_TEAMS_TEXT))
        parts += [
            {"type": "TextBlock", "text": _escape_card(_heading(entry)), "wrap": True, "weight": "bolder"},
            {"type": "Container", "style": "emphasis", "items": [{"type": "TextBlock", "text": text, "wrap": True}]},
        ]
    return [block for block in parts if block.get("text") != ""]


def _heading(entry: UpdateContent) -> str:
    return quote_heading(entry.update.incident.upstream_name, entry.update.quote_language)


def _with_note(text: Prose) -> str:
    return f"({text.note}) {text.plain}" if text.note else text.plain


def _truncate(text: str, limit: int) -> str:
    """Cut the text between words, so that no escape sequence is cut."""
    return text if len(text) <= limit else text[:limit].rsplit(maxsplit=1)[0] + " …"


def _footer(page_name: str, content: MessageContent) -> str:
    parts = [page_name, content.newest.at]
    if content.next_update and content.incident.kind != Kind.MAINTENANCE:
        parts.append(gettext("Next update: %(time)s") % {"time": content.next_update})
    return " · ".join(parts)


def _slack_facts(content: MessageContent) -> str:
    lines = [
        f"{appearance.glyph} *{_escape_slack(name)}*: {_escape_slack(status)}"
        for name, appearance, status in content.newest.components
    ]
    if content.window:
        lines.append(f"*{_escape_slack(gettext('When'))}*: {_escape_slack(content.window)}")
    return _truncate("\n".join(lines), _MAX_SLACK_TEXT)


def _slack_section(text: str) -> Json:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _escape_slack(text: str) -> str:
    """Escape as Slack requires, also so that no text can notify a whole channel (<!channel>)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _escape_card(text: str) -> str:
    """Escape the Markdown that cards support, so that the text is shown as it is."""
    for char in "\\[]*_":
        text = text.replace(char, f"\\{char}")
    return text
