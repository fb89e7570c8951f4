"""Messages for Slack and Teams: what happened, what is affected, the words of the update, the way to the page.

Both are sent to incoming webhooks, which can neither change a message nor answer in its
thread; so each message stands for itself. Language and zone are active.
"""

from typing import Any

from django.utils.translation import gettext

from ..status import Kind
from .mime import one_line
from .story import Entry, Prose, Story

Json = dict[str, Any]

# Of the services: a header of Slack has 150 signs at most, a section 3,000; a message to Teams 28 kB.
_SLACK_TITLE, _SLACK_TEXT, _TEAMS_TEXT = 150, 2_900, 9_000


def slack(name: str, story: Story) -> Json:
    """Block Kit; `text` is what a notification shows and what a screen reader says."""
    title = _line(story)
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": one_line(title, _SLACK_TITLE), "emoji": False}},
        *([_section(_facts_in_slack(story))] if story.newest.components or story.window else []),
        *(_section(_escaped(text)) for text in _paragraphs(story.newest, _SLACK_TEXT)),
        {"type": "context", "elements": [{"type": "mrkdwn", "text": _escaped(_foot(name, story))}]},
        {
            "type": "actions",
            "elements": [
                {"type": "button", "text": {"type": "plain_text", "text": gettext("Read more")}, "url": story.url}
            ],
        },
    ]
    return {"text": _escaped(f"{name}: {title}"), "unfurl_links": False, "blocks": blocks}


def teams(name: str, story: Story) -> Json:
    """An Adaptive Card in the envelope that Workflows and the older connectors take."""
    facts = [{"title": part, "value": status} for part, _status, status in story.newest.components]
    if story.window:
        facts.append({"title": gettext("When"), "value": story.window})
    body: list[Json] = [
        {"type": "TextBlock", "text": _plain_card(_line(story)), "size": "large", "weight": "bolder", "wrap": True,
         "style": "heading"},
        *([{"type": "FactSet", "facts": facts}] if facts else []),
        *(
            {"type": "TextBlock", "text": _plain_card(text), "wrap": True}
            for text in _paragraphs(story.newest, _TEAMS_TEXT)
        ),
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


def _line(story: Story) -> str:
    """Phase and title, as a subject has them."""
    return f"{story.newest.phase}: {story.title.source}"


def _paragraphs(entry: Entry, longest: int) -> list[str]:
    """The update's words, and the quoted statement after a line that says whose it is."""
    said = [_cut(entry.text, longest)]
    if entry.quote:
        named = {"name": entry.update.incident.upstream_name or gettext("the provider")}
        said.append(gettext("Statement from %(name)s:") % named + "\n\n" + _cut(entry.quote, longest))
    return [text for text in said if text]


def _cut(text: Prose, longest: int) -> str:
    note = f"({text.note}) " if text.note else ""
    plain = note + text.plain
    return plain if len(plain) <= longest else plain[:longest].rsplit(" ", 1)[0] + " …"


def _foot(name: str, story: Story) -> str:
    parts = [name, story.newest.at]
    if story.next_update and story.incident.kind != Kind.MAINTENANCE:
        parts.append(gettext("Next update: %(time)s") % {"time": story.next_update})
    return " · ".join(parts)


def _facts_in_slack(story: Story) -> str:
    lines = [f"*{_escaped(part)}*: {_escaped(status)}" for part, _status, status in story.newest.components]
    if story.window:
        lines.append(f"*{_escaped(gettext('When'))}*: {_escaped(story.window)}")
    return "\n".join(lines)[:_SLACK_TEXT]


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
