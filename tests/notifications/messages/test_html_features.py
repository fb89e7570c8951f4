"""Emails use only what email clients display: the table in docs/mail.md, "HTML features in emails"."""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from django.conf import settings as configured
from django.utils import timezone

from incidents.models import Announcement, Delivery
from incidents.notifications.outbox import EMAIL_KINDS
from incidents.status import ComponentStatus, Impact, Phase
from incidents.text import Text
from tests.factories import make_component, make_incident, make_maintenance, make_page
from tests.notifications.helpers import announced
from tests.notifications.messages.test_email import parsed, part, sent

pytestmark = pytest.mark.django_db

LANGUAGES = [code for code, _name in configured.LANGUAGES]
# Shown by Gmail, Outlook (Word's engine included), Apple Mail and Thunderbird, in a style attribute.
EVERYWHERE = {
    "margin", "margin-top", "padding", "padding-left", "padding-top", "border-left", "border-top", "background",
    "color", "font-family", "font-size", "font-weight", "line-height", "text-decoration",
}  # fmt: skip
# Ignored by some clients, without loss.
OPTIONAL = {"max-width", "border-radius", "display", "max-height", "overflow", "white-space", "word-wrap"}
# What a style sheet may set: dark mode is an improvement, and Gmail drops the sheet for much less.
IN_SHEET = {"color-scheme", "color", "background", "border-color", "margin", "padding"}
TAGS = {
    "html", "head", "meta", "title", "style", "body", "div", "p", "span", "h1", "h2", "a", "em", "strong", "br", "ul",
    "ol", "li", "blockquote", "code", "pre",
}  # fmt: skip
ATTRIBUTES = {"lang", "charset", "name", "content", "style", "class", "href", "aria-hidden"}
# Gmail cuts off longer messages; in octets.
MAX_LENGTH = 102_000
REMOTE = re.compile(r"url\(|@import|@font-face|expression\(|javascript:|data:", re.IGNORECASE)
OWN_LINKS = "https://status.example.dk/"


@dataclass
class Used(HTMLParser):
    """The HTML features that an email uses."""

    html: str
    tags: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    styles: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _value in attrs}
        self.styles += [value or "" for name, value in attrs if name == "style"]
        self.links += [value or "" for name, value in attrs if name == "href"]

    @property
    def properties(self) -> set[str]:
        return {name for style in self.styles for name in _properties(style)}

    @property
    def sheet(self) -> str:
        return "".join(re.findall(r"<style>(.*?)</style>", self.html, re.DOTALL))


def _properties(declarations: str) -> list[str]:
    return re.findall(r"(?:^|[;{])\s*([a-z-]+)\s*:", declarations)


def emails(language: str) -> dict[str, str]:
    """Return the HTML of every email, and of one for each phase."""
    found = {kind: sent(kind, language) for kind in EMAIL_KINDS if kind != Delivery.Letter.UPDATE}
    for announcement in announcements():
        phase = announcement.update.phase
        found[phase] = sent("update", language, announcement)
    return {name: part(parsed(content), "html") for name, content in found.items()}


def announcements() -> list[Announcement]:
    report = Text(da="Kør:\n\n```\nretry\n```\n\n- en\n- to", en="Run **it**.")
    names = ("user_impact", "scope", "workaround", "root_cause", "next_steps")
    details: dict[str, Any] = dict.fromkeys(names, report)
    broken = make_incident(impact=Impact.MAJOR, **details)
    planned = timezone.now() + timedelta(days=3)
    mail = make_component().pk
    work = make_maintenance(start=planned, end=planned + timedelta(hours=2))
    open_phases, final = (Phase.INVESTIGATING, Phase.IDENTIFIED, Phase.MITIGATED), (Phase.RESOLVED, Phase.POSTMORTEM)
    of_incident = dict.fromkeys(open_phases, ComponentStatus.PARTIAL_OUTAGE)
    of_incident |= dict.fromkeys(final, ComponentStatus.OPERATIONAL)
    return [
        *(announced(broken, phase=phase, components={mail: status}) for phase, status in of_incident.items()),
        *(announced(work, phase=phase) for phase in (Phase.SCHEDULED, Phase.IN_PROGRESS, Phase.COMPLETED)),
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_emails_use_only_what_all_clients_display(language: str) -> None:
    make_page()
    for name, html in emails(language).items():
        used = Used(html)
        assert used.tags <= TAGS, name
        assert used.attributes <= ATTRIBUTES, name
        assert used.properties <= EVERYWHERE | OPTIONAL, name
        assert set(_properties(re.sub(r"/\*.*?\*/|@media[^{]*\{", "", used.sheet))) <= IN_SHEET, name
        assert not REMOTE.search(html), name
        assert not re.findall(r"display:\s*(?!none|inline-block)", html), name
        assert all(link.startswith(OWN_LINKS) for link in used.links), name
        assert len(html.encode()) < MAX_LENGTH, name


@pytest.mark.parametrize(
    "broken",
    ['<img src="x">', '<p style="display:flex">', '<p style="position:absolute">', '<p onclick="x()">', "<script>"],
)
def test_check_finds_what_clients_do_not_display(broken: str) -> None:
    used = Used(broken)
    is_shown = used.tags <= TAGS and used.attributes <= ATTRIBUTES and used.properties <= EVERYWHERE | OPTIONAL
    assert not is_shown or re.findall(r"display:\s*(?!none|inline-block)", broken)


def test_state_has_a_label_and_a_shape_in_both_parts() -> None:
    make_page()
    expected = {
        Phase.INVESTIGATING: ("◆", "Undersøger"),
        Phase.MITIGATED: ("◆", "Afhjulpet"),
        Phase.COMPLETED: ("●", "Afsluttet"),
        Phase.IDENTIFIED: ("◆", "Problem identificeret"),
        Phase.RESOLVED: ("●", "Løst"),
        Phase.POSTMORTEM: ("●", "Efterrapport"),
        Phase.SCHEDULED: ("□", "Planlagt"),
        Phase.IN_PROGRESS: ("■", "I gang"),
    }
    for announcement in announcements():
        mark, word = expected[Phase(announcement.update.phase)]
        message = parsed(sent(announcement=announcement))
        assert f"{mark} {word}" in part(message)
        assert re.search(rf'aria-hidden="true"[^>]*>{mark}</span>\s+{word}', part(message, "html"))
        if announcement.update.phase == Phase.IDENTIFIED:
            assert "Alvor: Stor" in part(message)
            assert re.search(r"^◆ .+: Delvist nedbrud\r?$", part(message), re.MULTILINE)
