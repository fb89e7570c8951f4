"""The content of a message, in the reader's language; text in another language is marked."""

from collections import ChainMap, defaultdict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext

from ... import formats, links, markup
from ...appearance import APPEARANCES, SCHEDULED, Appearance, state_of
from ...labels import ROOT_CAUSE_STATUSES
from ...models import AffectedComponent, Announcement, Incident, Update, page_order
from ...status import Phase, RootCauseStatus
from ...text import Text
from ...wording import language_name, reader_passage, status_as_of, untranslated_note, words

EARLIER = 5  # updates repeated below the new one; the page has the rest
SECTION_LENGTH = 3000  # characters of a text of the report; the page has the rest


@dataclass(frozen=True)
class Prose:
    """A Markdown text for a reader; `note` says so if it is not in their language."""

    source: str
    language: str
    note: str

    @property
    def html(self) -> SafeString:
        return markup.html(self.source)

    @property
    def email_html(self) -> SafeString:
        """The HTML with wrapped lines of code, so that they do not make an email wider than a phone."""
        return mark_safe(self.html.replace("<pre>", '<pre style="white-space:pre-wrap;">'))  # noqa: S308 - as safe as before

    @property
    def plain(self) -> str:
        return markup.plain(self.source)

    @property
    def quoted(self) -> str:
        """Plain text with “> ” before every line, as quoted in email."""
        return "\n".join(f"> {line}".rstrip() for line in self.plain.splitlines())


@dataclass(frozen=True)
class Section:
    """A text of the incident's report, with its label; `is_cut` says that only the page has all of it."""

    label: str
    text: Prose
    is_cut: bool

    @property
    def email_html(self) -> SafeString:
        """The HTML with its first paragraph close to the label above it."""
        html = self.text.email_html
        close = '<p style="margin:4px 0 16px;">' + html.removeprefix("<p>")
        return mark_safe(close) if html.startswith("<p>") else html  # noqa: S308 - as safe as before


def prose(text: Text) -> Prose:
    found = reader_passage(text)
    return Prose(found.text, found.language, "" if found.is_own else untranslated_note(found.wanted))


def report_labels(root_cause_status: str) -> dict[str, str]:
    """Return the label of each text of a report, the same as on the page."""
    cause = gettext("Root cause")
    if root_cause_status in {RootCauseStatus.PRELIMINARY, RootCauseStatus.FINAL}:
        cause = f"{cause} ({str(ROOT_CAUSE_STATUSES[RootCauseStatus(root_cause_status)]).lower()})"
    return {
        "user_impact": gettext("User impact"),
        "scope": gettext("Scope"),
        "workaround": gettext("Workaround"),
        "root_cause": cause,
        "next_steps": gettext("Next steps"),
    }


def _section(label: str, text: Text) -> Section:
    whole = prose(text)
    source = _beginning(whole.source)
    return Section(label, replace(whole, source=source), is_cut=source != whole.source)


def _beginning(source: str) -> str:
    # Whole paragraphs of a long Markdown text; of a long paragraph, whole words.
    if len(source) <= SECTION_LENGTH:
        return source
    start = source[:SECTION_LENGTH]
    paragraphs, _blank, _rest = start.rpartition("\n\n")
    kept = paragraphs.rstrip() or f"{start.rpartition(' ')[0] or start}…"
    # A block of code that was cut is closed.
    return kept + "\n```" * (kept.count("```") % 2)


class UpdateContent:
    """One update. The reader's language and time zone are active."""

    def __init__(self, update: Update, language: str) -> None:
        self.update = update
        self.phase = update.get_phase_display()
        self.at = formats.moment(update.at)
        self.text = prose(update.text)
        self.url = links.absolute(links.update(update.incident_id, update.pk, language))

    @property
    def quote(self) -> Prose | None:
        return Prose(self.update.quote, self.update.quote_language, "") if self.update.quote else None

    @cached_property
    def components(self) -> list[tuple[str, Appearance, str]]:
        """Name, and appearance and label of the status, of each public component of this update, in page order.

        The status is the one that the component has as of the update. Planned work has no label: it changes none yet.
        """
        public = AffectedComponent.objects.filter(update=self.update, component__hidden=False)
        rows = public.select_related("component__group", "update").with_derived_status()
        ordered = sorted(rows, key=lambda row: page_order(row.component))
        if self.update.phase == Phase.SCHEDULED:
            return [(words(row.component.name), APPEARANCES[SCHEDULED], "") for row in ordered]
        return [
            (words(row.component.name), APPEARANCES[row.actual], status_as_of(row.stated, row.actual))
            for row in ordered
        ]


class MessageContent:
    """The announced update and the ones before it."""

    def __init__(self, announcement: Announcement, language: str) -> None:
        self.incident: Incident = announcement.update.incident
        self.language = language
        self.newest = UpdateContent(announcement.update, language)
        self._unsent_report: dict[str, Any] = announcement.unsent_report
        self.is_correction = announcement.reason == Announcement.Reason.CORRECTION
        self._reminder = announcement.reminder if announcement.reason == Announcement.Reason.REMINDER else None
        self._reminded_at = announcement.created_at
        self._is_translation = announcement.reason == Announcement.Reason.TRANSLATION
        self.url = links.absolute(links.incident(self.incident.pk, language))

    @property
    def reminder(self) -> str:
        """“Reminder: planned maintenance starts in 1 day”; empty unless it is one."""
        if self._reminder is None:
            return ""
        # The scheduler is a moment late.
        left = self._reminder.planned_start - self._reminded_at + timedelta(seconds=30)
        text = gettext("Reminder: planned maintenance starts in %(time)s")
        return text % {"time": formats.duration(left, units=1)}

    @property
    def heading(self) -> str:
        """The phase that the update gives, or the reminder."""
        return self.reminder or self.newest.phase

    @property
    def is_now_in(self) -> str:
        """“Now in English”, for those who got the update in another language; else empty."""
        is_own = self.newest.text.language == self.language
        name = language_name(self.language)
        return gettext("Now in %(language)s") % {"language": name} if self._is_translation and is_own else ""

    @cached_property
    def appearance(self) -> Appearance:
        """The appearance of the incident as of the newest update, the same as on the page."""
        return APPEARANCES[state_of(self.newest.update.phase, self.incident.impact, self._statuses())]

    def _statuses(self) -> list[str]:
        # Return the status of each public component, from the newest update that names it.
        timeline = [self.newest.update, *self._before]
        rows = AffectedComponent.objects.filter(update__in=timeline, component__hidden=False)
        by_update = defaultdict[str, dict[str, str]](dict)
        for row in rows:
            by_update[row.update_id][row.component_id] = row.status
        return list(ChainMap(*(by_update[update.pk] for update in timeline)).values())

    @property
    def impact(self) -> str:
        """The label of the impact; empty for maintenance and for what is over."""
        is_shown = not (self.incident.is_maintenance or Phase(self.newest.update.phase).is_final)
        return self.incident.get_impact_display() if is_shown else ""

    @cached_property
    def title(self) -> Prose:
        return prose(self.incident.title)

    @cached_property
    def sections(self) -> list[Section]:
        """The texts of the report that are new to a recipient, in the order of the page."""
        report = self._report
        labels = report_labels(report.get("root_cause", {}).get("status", ""))
        texts = {name: report.get(name, {}).get("text") for name in labels}
        return [_section(labels[name], Text(text)) for name, text in texts.items() if text]

    @property
    def new_end(self) -> tuple[str, str] | None:
        """The planned end of maintenance and the one before, if the change is new to a recipient."""
        report = self._report
        if self._reminder or "moved" in self.newest.update.report:  # its text has both times
            return None
        if "former_end" not in report or self.incident.is_over or not report["planned_end"]:
            return None
        end, former = (datetime.fromisoformat(report[name]["time"]) for name in ("planned_end", "former_end"))
        return formats.moment(end), formats.moment(former)

    @property
    def _report(self) -> dict[str, Any]:
        # What this update gave or changed, and what the messages that it supersedes did.
        return {**self._unsent_report, **self.newest.update.report}

    @cached_property
    def earlier(self) -> list[UpdateContent]:
        """Public updates before the new one, newest first."""
        return [UpdateContent(update, self.language) for update in self._before[:EARLIER]]

    @property
    def upstream(self) -> str:
        return self.incident.upstream_name or gettext("the provider")

    @property
    def left_out(self) -> int:
        return max(len(self._before) - EARLIER, 0)

    @property
    def window(self) -> str:
        """The planned time of maintenance, also if it was cancelled; empty for an incident."""
        start, end = self.incident.scheduled_for, self.incident.scheduled_until
        is_shown = not self.incident.is_over or self.incident.phase == Phase.CANCELLED
        return formats.span(start, end) if start and is_shown else ""

    @property
    def next_update(self) -> str:
        promised = self.incident.next_update_by
        return formats.moment(promised) if promised and promised > self.newest.update.at else ""

    @cached_property
    def _before(self) -> list[Update]:
        # Updates before the new one, in the order of the timeline, which also orders updates of the same minute.
        #
        # The new one is found there even if it was withdrawn while a worker had claimed its deliveries.
        timeline = iter(self.incident.updates.newest_first())
        for update in timeline:
            if update.pk == self.newest.update.pk:
                break
        return [update for update in timeline if update.published_at is not None]
