"""`/da/maintenance.ics`: planned maintenance as an iCalendar that calendars subscribe to. RFC 5545, RFC 7986.

No METHOD: this is no invitation, and PUBLISH would oblige an organizer (RFC 5546 §3.2.1).
Times are in UTC, which every calendar shows in its reader's zone.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db.models import Q
from django.utils.translation import gettext, pgettext

from .. import links, markup
from ..models import Incident
from ..status import Phase
from ..templatetags.wording import reader_passage, words
from .documents import Edition, SingleDocument, Subjects
from .feed_entries import plain_line, plain_text
from .maintenance import touches_maintenance
from .story import Story, told

# How long work that is over, or was called off, stays in the calendar.
KEPT = timedelta(days=365)
# RFC 5545 §3.8.2.2: an event ends later than it begins.
_SHORTEST = timedelta(minutes=1)
_FOLDED = 75  # octets in a line (§3.1)
# A calendar must have something in it (§3.6); that of a page without maintenance has a zone.
_NOTHING = (
    "BEGIN:VTIMEZONE",
    "TZID:UTC",
    "BEGIN:STANDARD",
    "DTSTART:19700101T000000",
    "TZOFFSETFROM:+0000",
    "TZOFFSETTO:+0000",
    "END:STANDARD",
    "END:VTIMEZONE",
)


class Calendar(SingleDocument):
    """Work ahead, under way and of the last year; what was called off stays, marked so."""

    def touched(self, subjects: Subjects) -> Iterable[str]:
        return [""] if touches_maintenance(subjects) or "day" in subjects.names else []

    def path(self, key: str, language: str) -> str:
        return links.calendar(language)

    def render(self, key: str, edition: Edition) -> bytes:
        known = edition.now - KEPT
        shown = Incident.objects.public().maintenances().filter(Q(ended_at=None) | Q(ended_at__gte=known))
        stories = told(shown.in_planned_order())
        lines = [*_head(edition), *(_events(stories, edition.language) if stories else _NOTHING), "END:VCALENDAR"]
        return "".join(folded(line) for line in lines).encode()


def folded(line: str) -> str:
    """A content line cut into pieces of at most 75 octets, none of them within a character, each ended by CRLF."""
    pieces, piece, room = [], "", _FOLDED
    for character in line:
        size = len(character.encode())
        if size > room:
            pieces.append(piece)
            piece, room = "", _FOLDED - 1  # the space that begins the next line
        piece += character
        room -= size
    return "\r\n ".join([*pieces, piece]) + "\r\n"


def _head(edition: Edition) -> Iterator[str]:
    page = markup.clean(words(edition.page.name)) or "Status"
    named = pgettext("title of the calendar", "%(page)s: planned maintenance") % {"page": page}
    home = links.absolute(links.home(edition.language))
    yield "BEGIN:VCALENDAR"
    yield "VERSION:2.0"
    yield f"PRODID:-//Status page//Planned maintenance//{edition.language.upper()}"
    yield "CALSCALE:GREGORIAN"
    yield f"NAME;LANGUAGE={edition.language}:{_text(named)}"
    yield f"X-WR-CALNAME:{_text(named)}"
    yield f"URL:{home}"
    yield f"SOURCE;VALUE=URI:{links.absolute(links.calendar(edition.language))}"
    yield "REFRESH-INTERVAL;VALUE=DURATION:PT1H"
    yield "X-PUBLISHED-TTL:PT1H"


def _events(stories: Iterable[Story], language: str) -> Iterator[str]:
    for story in stories:
        yield from _event(story, language)


def _event(story: Story, language: str) -> Iterator[str]:
    incident, (start, end) = story.incident, _times(story.incident)
    link = links.absolute(links.incident(incident.pk, language))
    revised = max([incident.updated_at, *(update.updated_at for update in story.timeline)])
    yield "BEGIN:VEVENT"
    yield f"UID:{incident.pk}@{settings.FEED_ID_HOST}"
    # Without a METHOD, DTSTAMP too is when the event was last revised (§3.8.7.2).
    yield f"DTSTAMP:{_moment(revised)}"
    yield f"LAST-MODIFIED:{_moment(revised)}"
    # Must grow with each revision (§3.8.7.4); seconds do, and need no counter.
    yield f"SEQUENCE:{int((revised - incident.created_at).total_seconds())}"
    yield f"DTSTART:{_moment(start)}"
    yield f"DTEND:{_moment(end)}"
    yield f"SUMMARY;LANGUAGE={language}:{_text(_summary(incident))}"
    yield f"DESCRIPTION;LANGUAGE={language}:{_text(_description(story, link))}"
    yield f"URL:{link}"
    yield f"STATUS:{'CANCELLED' if incident.phase == Phase.CANCELLED else 'CONFIRMED'}"
    yield "TRANSP:TRANSPARENT"
    yield "END:VEVENT"


def _times(incident: Incident) -> tuple[datetime, datetime]:
    """As planned; once the work has begun or is done, as it was. What was called off keeps the time it was to be."""
    start, end = incident.scheduled_for or incident.started_at, incident.scheduled_until or incident.started_at
    if incident.phase not in {Phase.SCHEDULED, Phase.CANCELLED}:
        start, end = incident.started_at, incident.ended_at or end
    return start, max(end, start + _SHORTEST)


def _summary(incident: Incident) -> str:
    title = plain_line(reader_passage(incident.title))
    if incident.phase == Phase.CANCELLED:  # also for calendars that show nothing of STATUS
        return pgettext("title of a calendar entry", "Cancelled: %(title)s") % {"title": title}
    return title


def _description(story: Story, link: str) -> str:
    systems = ", ".join(plain_line(reader_passage(affected.component.name)) for affected in story.affected)
    said = plain_text(reader_passage(story.newest.text)) if story.newest else ""
    parts = [f"{gettext('Affected systems')}: {systems}" if systems else "", said, link]
    return "\n\n".join(part for part in parts if part)


def _moment(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _text(value: str) -> str:
    """A TEXT value (§3.3.11): backslash, semicolon, comma and line breaks escaped."""
    return re.sub(r"([\\;,])", r"\\\1", markup.clean(value)).replace("\n", "\\n")
