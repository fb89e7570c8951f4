"""Planned maintenance for calendar programs. RFC 5545, RFC 7986.

`/da/maintenance.ics` is subscribed to. It has no METHOD: each program that reads it again takes it as it is.
`/da/incidents/ID/maintenance.ics` is one maintenance, to be opened. METHOD:PUBLISH or CANCEL and the same UID make
programs change or remove the event that they have; both require an organizer (RFC 5546 §3.2.1).
Times are in UTC; calendar programs convert them to the reader's time zone.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import parseaddr
from typing import Any

import icalendar
from django.conf import settings
from django.db.models import Q
from django.utils.translation import gettext, pgettext

from ... import links, markup
from ...models import Incident
from ...status import Phase
from ...wording import reader_passage, words
from ..reading import months
from ..reading.story import Story, with_timeline
from .base import Document, Edition, SingleDocument, Subjects
from .feed_entries import plain_body, plain_title
from .maintenance import touches_maintenance
from .pages import read_story

# How long completed and cancelled work stays in the calendar.
_RETENTION = timedelta(days=365)
# RFC 5545 §3.8.2.2: an event ends later than it begins.
_SHORTEST = timedelta(minutes=1)
_REFRESH = timedelta(hours=1)
# RFC 5545 §3.3.8.
_LARGEST = 2**31 - 1


class Calendar(SingleDocument):
    """Planned maintenance: upcoming, in progress, and of the last year, including cancelled work."""

    def touched(self, subjects: Subjects) -> Iterable[str]:
        return [""] if touches_maintenance(subjects) or "day" in subjects.names else []

    def path(self, key: str, language: str) -> str:
        return links.calendar(language)

    def render(self, key: str, edition: Edition) -> bytes:
        since = edition.now - _RETENTION
        incidents = Incident.objects.public().maintenances().filter(Q(ended_at=None) | Q(ended_at__gte=since))
        calendar = _calendar(edition)
        for story in with_timeline(incidents.in_planned_order()):
            calendar.add_component(_event(story, edition.language))
        if not calendar.subcomponents:  # a calendar must have at least one component (§3.6)
            calendar.add_component(_utc())
        content: bytes = calendar.to_ical()
        return content


class CalendarEvent(Document):
    """One maintenance as a file, with the same event as the calendar."""

    high_priority = True  # its page links to it
    archived = "incident"

    def all_keys(self) -> Iterable[str]:
        return Incident.objects.public().maintenances().values_list("pk", flat=True)

    def by_month(self) -> Iterable[tuple[str, str]]:
        return months.started(Incident.objects.public().maintenances())

    def touched(self, subjects: Subjects) -> Iterable[str]:
        found = Incident.objects.maintenances().filter(pk__in=subjects.of("incident"))
        return found.order_by("pk").values_list("pk", flat=True)

    def path(self, key: str, language: str) -> str:
        return links.event(key, language)

    def render(self, key: str, edition: Edition) -> bytes | None:
        if (story := read_story(key, edition)) is None:
            return None
        calendar = _named(edition.language)
        # RFC 5546 §3.2.1: what was published is moved by PUBLISH and cancelled by CANCEL.
        calendar.add("method", "CANCEL" if story.incident.phase == Phase.CANCELLED else "PUBLISH")
        event = _event(story, edition.language)
        event.add("organizer", _organizer(edition))
        calendar.add_component(event)
        content: bytes = calendar.to_ical()
        return content


def _organizer(edition: Edition) -> icalendar.vCalAddress:
    address = parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
    name = markup.clean(words(edition.page.name)) or "Status"
    return icalendar.vCalAddress(f"mailto:{address}", params={"CN": name.replace('"', "")})


def _named(language: str) -> icalendar.Calendar:
    calendar = icalendar.Calendar()
    prodid = f"-//Status page//Planned maintenance//{language.upper()}"
    _fill(calendar, {"version": "2.0", "prodid": prodid, "calscale": "GREGORIAN"})
    return calendar


class _Text(icalendar.vText):
    # A text value that preserves a literal `\N`, which the library would turn into a line break.
    def to_ical(self) -> bytes:
        return rb"\\N".join(icalendar.vText(part).to_ical() for part in self.split(r"\N"))


def _calendar(edition: Edition) -> icalendar.Calendar:
    language = edition.language
    page = markup.clean(words(edition.page.name)) or "Status"
    name = pgettext("title of the calendar", "%(page)s: planned maintenance") % {"page": page}
    calendar = _named(language)
    _fill(
        calendar,
        {
            "name": _text(name, language),
            "x-wr-calname": _text(name),
            "url": links.absolute(links.home(language)),
            "source": icalendar.vUri(links.absolute(links.calendar(language)), params={"VALUE": "URI"}),
            "refresh-interval": icalendar.vDuration(_REFRESH, params={"VALUE": "DURATION"}),
            "x-published-ttl": icalendar.vDuration(_REFRESH),
        },
    )
    return calendar


def _event(story: Story, language: str) -> icalendar.Event:
    incident, (start, end) = story.incident, _times(story.incident)
    link = links.absolute(links.incident(incident.pk, language))
    revised = max([incident.updated_at, *(update.updated_at for update in story.timeline)])
    event = icalendar.Event()
    _fill(
        event,
        {
            "uid": f"{incident.pk}@{settings.FEED_ID_HOST}",
            # Without a METHOD, DTSTAMP too is when the event was last revised (§3.8.7.2).
            "dtstamp": revised,
            "last-modified": revised,
            "sequence": _sequence(revised - incident.created_at),
            "dtstart": start.astimezone(UTC),
            "dtend": end.astimezone(UTC),
            "summary": _text(_summary(incident), language),
            "description": _text(_description(story, link), language),
            "url": link,
            "status": "CANCELLED" if incident.phase == Phase.CANCELLED else "CONFIRMED",
            "transp": "TRANSPARENT",
        },
    )
    return event


def _sequence(age: timedelta) -> int:
    # Must grow with each revision (§3.8.7.4); tenths of a second do, and need no counter. 32 bits last for six years.
    return min(age // timedelta(milliseconds=100), _LARGEST)


def _utc() -> icalendar.Timezone:
    standard, zone = icalendar.TimezoneStandard(), icalendar.Timezone()
    local = datetime(1970, 1, 1)  # noqa: DTZ001 - a zone's onset has no zone itself (§3.6.5)
    _fill(standard, {"dtstart": local, "tzoffsetfrom": timedelta(), "tzoffsetto": timedelta()})
    _fill(zone, {"tzid": "UTC"})
    zone.add_component(standard)
    return zone


def _fill(component: icalendar.Component, properties: dict[str, Any]) -> None:
    for name, value in properties.items():
        component.add(name, value)


def _text(value: str, language: str = "") -> _Text:
    return _Text(markup.clean(value), params={"LANGUAGE": language} if language else {})


def _times(incident: Incident) -> tuple[datetime, datetime]:
    # Return the planned times of scheduled or cancelled work, otherwise the actual times.
    start, end = incident.scheduled_for or incident.started_at, incident.scheduled_until or incident.started_at
    if incident.phase not in {Phase.SCHEDULED, Phase.CANCELLED}:
        start, end = incident.started_at, incident.ended_at or end
    return start, max(end, start + _SHORTEST)


def _summary(incident: Incident) -> str:
    title = plain_title(reader_passage(incident.title))
    if incident.phase == Phase.CANCELLED:  # some calendar programs ignore STATUS
        return pgettext("title of a calendar entry", "Cancelled: %(title)s") % {"title": title}
    return title


def _description(story: Story, link: str) -> str:
    systems = ", ".join(plain_title(reader_passage(affected.component.name)) for affected in story.affected)
    text = plain_body(reader_passage(story.newest.text)) if story.newest else ""
    parts = [f"{gettext('Affected systems')}: {systems}" if systems else "", text, link]
    return "\n\n".join(part for part in parts if part)
