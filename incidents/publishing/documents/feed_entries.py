"""The entries of the feeds: one per update or, at the Statuspage addresses, one per incident.

An id never changes and is the same in every language and format (RFC 4287 §4.2.6,
RFC 4151). A text in another language than the feed's is marked, with a note.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext, pgettext

from ... import formats, links, markup
from ...markup.excerpts import running_text
from ...models import Component, Update
from ...status import Phase
from ...text import Passage, Text
from ...wording import language_name, quote_heading, reader_passage, status_as_of, untranslated_note
from ..reading.story import Stories, Story
from .base import Edition

NEWEST = 50
_REMEMBERED_INCIDENTS = 4 * NEWEST  # whole ones, in two languages, before and after a change
_REMEMBERED = 1_024  # contents; those of all feeds that an update touches, in two languages, with long histories


@dataclass(frozen=True)
class FeedEntry:
    """`title` is plain text; `title_html` marks another language. Times are in the page's time zone.

    `plain` is the text with lines and lists, `summary` the same on one line. `added` is the time of its newest
    part: readers of RSS, which knows no time of change, show an entry again when its date has changed.
    """

    id: str
    path: str
    title: str
    title_html: SafeString
    html: str
    plain: str
    summary: str
    published: datetime
    updated: datetime
    added: datetime
    categories: tuple[str, ...]


def tag(specific: str) -> str:
    """Return a permanent id. 2005 is the year in the ids of Statuspage; any would do if it never changes."""
    return f"tag:{settings.FEED_ID_HOST},2005:{specific}"


def newest_updates(edition: Edition, component: Component | None = None) -> list[FeedEntry]:
    """Return the newest public updates as entries; for a component, those of its incidents."""
    updates = edition.shared(_newest_updates, edition.stories, component)
    return [edition.cached(update_entry, edition, update) for update in updates]


def _newest_updates(stories: Stories, component: Component | None) -> list[Update]:
    updates = Update.objects.public()
    if component is not None:
        affecting = Update.objects.public().filter(affected__component=component)
        updates = updates.filter(incident__in=affecting.values("incident"))
    keys = dict(updates.newest_first().values_list("pk", "incident")[:NEWEST])
    read = {update.pk: update for story in stories.of(dict.fromkeys(keys.values())) for update in story.timeline}
    return [read[key] for key in keys if key in read]


def newest_incidents(edition: Edition) -> list[FeedEntry]:
    """Return the incidents with the newest updates as entries, newest first."""
    return [_incident_entry(edition, story) for story in edition.stories.of(_recently_updated())]


def _recently_updated() -> list[str]:
    # Return ids of incidents by their newest update, read from the newest updates rather than all incidents.
    of_updates = Update.objects.public().newest_first().values_list("incident_id", flat=True)
    limit = NEWEST
    while True:
        limit *= 4
        ids = list(of_updates[:limit])
        incidents = list(dict.fromkeys(ids))
        if len(incidents) >= NEWEST or len(ids) < limit:
            return incidents[:NEWEST]


def update_entry(edition: Edition, update: Update) -> FeedEntry:
    """Return the entry of one update. The edition's language must be active."""
    incident = update.incident
    title = reader_passage(incident.title)
    phase = update.get_phase_display()
    content = edition.cached(_Content.of, update)
    return FeedEntry(
        id=tag(f"incident/{incident.pk}/update/{update.pk}"),
        path=links.update(incident.pk, update.pk, _language()),
        title=_with_phase(phase, plain_title(title)),
        title_html=_html(_with_phase(format_html("{}", phase), _title_html(title))),
        html=_html_of(content),
        plain=_plain(content),
        summary=_summary(content),
        published=timezone.localtime(update.at),
        added=timezone.localtime(update.at),
        updated=_changed(update),
        categories=(str(incident.get_kind_display()), str(phase)),
    )


def _incident_entry(edition: Edition, story: Story) -> FeedEntry:
    incident, title = story.incident, reader_passage(story.incident.title)
    parts = tuple(
        (update.at, update.get_phase_display(), edition.cached(_Content.of, update)) for update in story.timeline
    )
    return FeedEntry(
        id=tag(f"Incident/{incident.pk}"),
        path=links.incident(incident.pk, _language()),
        title=plain_title(title),
        title_html=_title_html(title),
        html=_html_of_updates(parts),
        plain="\n\n".join(f"{phase}: {_plain(content)}" for _at, phase, content in parts),
        summary=" ".join(f"{phase}: {_summary(content)}" for _at, phase, content in parts),
        published=timezone.localtime(story.timeline[-1].at),
        added=timezone.localtime(story.timeline[0].at),
        updated=max(_changed(update) for update in story.timeline),
        categories=(str(incident.get_kind_display()), str(incident.get_phase_display())),
    )


def _changed(update: Update) -> datetime:
    # When something that the entry shows last changed (RFC 4287 §4.2.15).
    return timezone.localtime(max(update.changed_at, update.incident.revised_at or update.at))


def _with_phase(phase: str, title: str) -> str:
    return pgettext("title of a feed entry", "%(phase)s: %(title)s") % {"phase": phase, "title": title}


def plain_title(passage: Passage) -> str:
    """Return a title or name without markup, followed by its language if that is not the reader's."""
    text = markup.clean(passage.text)
    return text if passage.is_own else _in_language(text, passage.language)


def plain_body(passage: Passage) -> str:
    """Return Markdown as plain text, with a note above it if it is not in the reader's language."""
    text = markup.plain(passage.text)
    return text if passage.is_own else f"{untranslated_note(passage.wanted)}\n\n{text}"


def _title_html(title: Passage) -> SafeString:
    if title.is_own:
        return format_html("{}", markup.clean(title.text))
    marked = format_html('<span lang="{}">{}</span>', title.language, markup.clean(title.text))
    return _html(_in_language(marked, title.language))


def _in_language(text: str, language: str) -> str:
    parts = {"text": text, "language": language_name(language)}
    return pgettext("a title in another language", "%(text)s (in %(language)s)") % parts


def _html(joined: str) -> SafeString:
    # Mark as safe: the parts are escaped, the pattern that joins them is a translation.
    return SafeString(joined)


@dataclass(frozen=True)
class _Content:
    """All that the entry of an update says below its title, in one language.

    What it says is remembered, because an update remains in feeds until fifty newer ones have followed. So every text
    and time must be here, and the functions below may use nothing else.
    """

    language: str  # active while it is rendered, as is the time zone
    time_zone: str
    text: Text
    window: tuple[datetime, datetime | None] | None  # the planned time of maintenance that the update announces
    changes: tuple[tuple[Text, str], ...]  # names of components, each with the label of its status; see `_changes`
    quote: str
    quote_language: str
    quote_url: str
    provider: str  # whose statement is quoted

    @classmethod
    def of(cls, update: Update) -> "_Content":
        return cls(
            language=_language(),
            time_zone=timezone.get_current_timezone_name(),
            text=update.text,
            window=_window(update),
            changes=_changes(update),
            quote=update.quote,
            quote_language=update.quote_language,
            quote_url=update.quote_url,
            provider=update.incident.upstream_name if update.quote else "",
        )

    @property
    def heading(self) -> str:
        return quote_heading(self.provider, self.quote_language) if self.quote else ""

    @property
    def span(self) -> str:
        return formats.span(*self.window) if self.window else ""


def _window(update: Update) -> tuple[datetime, datetime | None] | None:
    incident = update.incident
    if update.phase != Phase.SCHEDULED or incident.scheduled_for is None:
        return None
    return incident.scheduled_for, incident.scheduled_until


def _changes(update: Update) -> tuple[tuple[Text, str], ...]:
    # Return the affected components with the label of their status since then, which is empty for scheduled work.
    rows = [row for row in update.affected.all() if not row.component.hidden]
    is_planned = update.phase == Phase.SCHEDULED
    return tuple((row.component.name, "" if is_planned else status_as_of(row.stated, row.actual)) for row in rows)


@lru_cache(_REMEMBERED)
def _html_of(content: _Content) -> SafeString:
    return _rendered("feeds/update.html", content=content)


@lru_cache(_REMEMBERED_INCIDENTS)
def _html_of_updates(parts: tuple[tuple[datetime, str, _Content], ...]) -> SafeString:
    # Each part is an update's time, the label of its phase in the active language, and its content.
    return _rendered("feeds/incident.html", parts=[(at, phase, _html_of(content)) for at, phase, content in parts])


@lru_cache(_REMEMBERED)
def _plain(content: _Content) -> str:
    return markup.clean("\n\n".join(part for part in _paragraphs(content) if part))


def _paragraphs(content: _Content) -> Iterable[str]:
    yield plain_body(reader_passage(content.text))
    yield _labelled_window(content)
    yield "\n".join(f"- {change}" for change in _change_lines(content))
    if content.quote:
        yield f"{content.heading}:"
        yield "\n".join(f"> {line}".rstrip() for line in markup.plain(content.quote).splitlines())
    yield _labelled_source(content)


@lru_cache(_REMEMBERED)
def _summary(content: _Content) -> str:
    return markup.clean(" ".join(part for part in _sentences(content) if part))


def _sentences(content: _Content) -> Iterable[str]:
    # The same as `_paragraphs` as running text.
    text = reader_passage(content.text)
    yield "" if text.is_own or not text else f"{untranslated_note(text.wanted)}:"
    yield running_text(markup.html(text.text))
    yield _labelled_window(content)
    yield "; ".join(_change_lines(content))
    if content.quote:
        yield f"{content.heading}:"
        yield running_text(markup.html(content.quote))
    yield _labelled_source(content)


def _rendered(template: str, **context: object) -> SafeString:
    return SafeString(markup.clean(render_to_string(template, context)).strip())


def _labelled_window(content: _Content) -> str:
    return f"{gettext('Maintenance window')}: {content.span}" if content.window else ""


def _change_lines(content: _Content) -> list[str]:
    return [f"{plain_title(reader_passage(name))}{status and f': {status}'}" for name, status in content.changes]


def _labelled_source(content: _Content) -> str:
    return f"{gettext('Source')}: {content.quote_url}" if content.quote_url else ""


def _language() -> str:
    return get_language() or settings.LANGUAGE_CODE
