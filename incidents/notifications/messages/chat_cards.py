"""Messages for Slack and Teams: what happened, what is affected, the words of the update, the way to the page.

Both are sent to incoming webhooks, which can neither change a message nor answer in its
thread; so each message stands for itself. Language and zone are active.
"""

from typing import Any

from django.utils.translation import gettext

from ...status import Kind
from ...wording import quote_heading
from .content import MessageContent, Prose, UpdateContent
from .mime import one_line

Json = dict[str, Any]

# Of the services: a header of Slack has 150 signs at most, a section 3,000; a message to Teams 28 kB.
_SLACK_TITLE, _SLACK_TEXT, _TEAMS_TEXT = 150, 2_700, 9_000


def slack(name: str, story: MessageContent) -> Json:
    """Block Kit; `text` is what a notification shows and what a screen reader says."""
    title = _line(story)
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": one_line(title, _SLACK_TITLE), "emoji": False}},
        *(_section(text) for text in [_facts_in_slack(story), *_said_in_slack(story.newest)] if text),
        {"type": "context", "elements": [{"type": "mrkdwn", "text": _escaped(_foot(name, story))}]},
        {
            "type": "actions",
            "elements": [
                {"type": "button", "text": {"type": "plain_text", "text": gettext("Read more")}, "url": story.url}
            ],
        },
    ]
    return {"text": _escaped(f"{name}: {title}"), "unfurl_links": False, "blocks": blocks}


def teams(name: str, story: MessageContent) -> Json:
    """An Adaptive Card in the envelope that Workflows and the older connectors take."""
    facts = [{"title": part, "value": f"{look.glyph} {word}"} for part, look, word in story.newest.components]
    if story.window:
        facts.append({"title": gettext("When"), "value": story.window})
    body: list[Json] = [
        {"type": "TextBlock", "text": _plain_card(_line(story)), "size": "large", "weight": "bolder", "wrap": True,
         "style": "heading"},
        *([{"type": "FactSet", "facts": facts}] if facts else []),
        *_said_in_teams(story.newest),
        {"type": "TextBlock", "text": _plain_card(_foot(name, story)), "wrap": True, "isSubtle": True,
         "size": "small"},
    ]  # fmt: skip
    return _card(story.language, body, [{"type": "Action.OpenUrl", "title": gettext("Read more"), "url": story.url}])


def slack_code(name: str, code: str) -> Json:
    return {"text": f"{_escaped(_asks(name))} *{code}*"}


def teams_code(name: str, code: str) -> Json:
    body: list[Json] = [
        {"type": "TextBlock", "text": _plain_card(_asks(name)), "wrap": True},
        {"type": "TextBlock", "text": code, "size": "large", "weight": "bolder"},
    ]
    return _card("", body, [])


def _asks(name: str) -> str:
    asked = gettext(
        "Somebody wants status updates from %(name)s to arrive here. "
        "To confirm it, write this code on the page that the mail led to:"
    )
    return asked % {"name": name}


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


def _line(story: MessageContent) -> str:
    """Shape of the state, phase and title, as a mail begins."""
    correction = f"{gettext('Correction')}: " if story.is_correction else ""
    return f"{story.appearance.glyph} {correction}{story.newest.phase}: {story.title.source}"


def _said_in_slack(entry: UpdateContent) -> list[str]:
    """The update's words, and the quoted statement behind a bar, after a line that says whose it is."""
    said = [_cut(_escaped(_noted(entry.text)), _SLACK_TEXT)]
    if entry.quote:
        lines = _cut(_escaped(entry.quote.plain), _SLACK_TEXT).splitlines()
        said += [f"*{_escaped(_heading(entry))}*", "\n".join(f"> {line}" for line in lines)]
    return said


def _said_in_teams(entry: UpdateContent) -> list[Json]:
    said: list[Json] = [{"type": "TextBlock", "text": _plain_card(_cut(_noted(entry.text), _TEAMS_TEXT)), "wrap": True}]
    if entry.quote:
        text = _plain_card(_cut(entry.quote.plain, _TEAMS_TEXT))
        said += [
            {"type": "TextBlock", "text": _plain_card(_heading(entry)), "wrap": True, "weight": "bolder"},
            {"type": "Container", "style": "emphasis", "items": [{"type": "TextBlock", "text": text, "wrap": True}]},
        ]
    return [block for block in said if block.get("text") != ""]


def _heading(entry: UpdateContent) -> str:
    return quote_heading(entry.update.incident.upstream_name, entry.update.quote_language)


def _noted(text: Prose) -> str:
    return f"({text.note}) {text.plain}" if text.note else text.plain


def _cut(text: str, longest: int) -> str:
    """At a word, so that no escape is cut either."""
    return text if len(text) <= longest else text[:longest].rsplit(maxsplit=1)[0] + " …"


def _foot(name: str, story: MessageContent) -> str:
    parts = [name, story.newest.at]
    if story.next_update and story.incident.kind != Kind.MAINTENANCE:
        parts.append(gettext("Next update: %(time)s") % {"time": story.next_update})
    return " · ".join(parts)


def _facts_in_slack(story: MessageContent) -> str:
    lines = [f"{look.glyph} *{_escaped(part)}*: {_escaped(status)}" for part, look, status in story.newest.components]
    if story.window:
        lines.append(f"*{_escaped(gettext('When'))}*: {_escaped(story.window)}")
    return _cut("\n".join(lines), _SLACK_TEXT)


def _section(text: str) -> Json:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _escaped(text: str) -> str:
    """As Slack asks; nothing in a text can call a whole channel (<!channel>)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _plain_card(text: str) -> str:
    """Cards read a little Markdown: what would be a link or emphasis is shown as it was written."""
    for sign in "\\[]*_":
        text = text.replace(sign, f"\\{sign}")
    return text
