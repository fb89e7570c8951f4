"""The entries of the feeds: one per update or, at the Statuspage addresses, one per incident.

An id never changes and is the same in every language and format (RFC 4287 §4.2.6,
RFC 4151). A text in another language than the feed's is marked, with a note.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Prefetch
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext, pgettext

from ... import formats, links, markup
from ...markup.excerpts import running_text
from ...models import AffectedComponent, Component, Incident, Update
from ...status import Phase
from ...text import Passage
from ...wording import language_name, quote_heading, reader_passage, status_as_of, untranslated_note
from ..reading.story import Story, with_timeline
from .base import Edition

NEWEST = 50


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
    """Return the newest public updates as entries, in two queries; for a component, those of its incidents."""
    return [edition.cached(update_entry, edition, update) for update in edition.shared(_newest_updates, component)]


def _newest_updates(component: Component | None) -> list[Update]:
    affected = AffectedComponent.objects.select_related("component").with_derived_status()
    updates = Update.objects.public().newest_first().select_related("incident")
    if component is not None:
        affecting = Update.objects.public().filter(affected__component=component)
        updates = updates.filter(incident__in=affecting.values("incident"))
    return list(updates.prefetch_related(Prefetch("affected", affected))[:NEWEST])


def newest_incidents(edition: Edition) -> list[FeedEntry]:
    """Return the incidents with the newest updates as entries, newest first."""
    keys = _recently_updated()
    found = with_timeline(Incident.objects.filter(pk__in=keys), with_derived_status=True)
    stories = {story.incident.pk: story for story in found}
    return [_incident_entry(edition, stories[key]) for key in keys]


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
    return FeedEntry(
        id=tag(f"incident/{incident.pk}/update/{update.pk}"),
        path=links.update(incident.pk, update.pk, _language()),
        title=_with_phase(phase, plain_title(title)),
        title_html=_html(_with_phase(format_html("{}", phase), _title_html(title))),
        html=edition.cached(_update_html, update),
        plain=edition.cached(_plain, update),
        summary=edition.cached(_summary, update),
        published=timezone.localtime(update.at),
        added=timezone.localtime(update.at),
        updated=_changed(update),
        categories=(str(incident.get_kind_display()), str(phase)),
    )


def _incident_entry(edition: Edition, story: Story) -> FeedEntry:
    incident, title = story.incident, reader_passage(story.incident.title)
    parts = [(update, edition.cached(_update_html, update)) for update in story.timeline]
    return FeedEntry(
        id=tag(f"Incident/{incident.pk}"),
        path=links.incident(incident.pk, _language()),
        title=plain_title(title),
        title_html=_title_html(title),
        html=_rendered("feeds/incident.html", parts=parts),
        plain="\n\n".join(f"{each.get_phase_display()}: {edition.cached(_plain, each)}" for each in story.timeline),
        summary=" ".join(f"{each.get_phase_display()}: {edition.cached(_summary, each)}" for each in story.timeline),
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


def _update_html(update: Update) -> SafeString:
    heading = quote_heading(update.incident.upstream_name, update.quote_language) if update.quote else ""
    context = {"changes": _changes(update), "window": _window(update), "heading": heading}
    return _rendered("feeds/update.html", update=update, **context)


def _rendered(template: str, **context: object) -> SafeString:
    return SafeString(markup.clean(render_to_string(template, context)).strip())


def _changes(update: Update) -> list[tuple[AffectedComponent, str]]:
    # Return the affected components with the label of their status since then, which is empty for scheduled work.
    rows = [row for row in update.affected.all() if not row.component.hidden]
    is_planned = update.phase == Phase.SCHEDULED
    return [(row, "" if is_planned else status_as_of(row.stated, row.actual)) for row in rows]


def _window(update: Update) -> str:
    # Return the planned time of maintenance that the update announces, or "".
    incident = update.incident
    if update.phase != Phase.SCHEDULED or incident.scheduled_for is None:
        return ""
    return formats.span(incident.scheduled_for, incident.scheduled_until)


def _plain(update: Update) -> str:
    return markup.clean("\n\n".join(part for part in _paragraphs(update) if part))


def _paragraphs(update: Update) -> Iterable[str]:
    yield plain_body(reader_passage(update.text))
    yield _labelled_window(update)
    yield "\n".join(f"- {change}" for change in _change_lines(update))
    if update.quote:
        yield f"{quote_heading(update.incident.upstream_name, update.quote_language)}:"
        yield "\n".join(f"> {line}".rstrip() for line in markup.plain(update.quote).splitlines())
    yield _labelled_source(update)


def _summary(update: Update) -> str:
    return markup.clean(" ".join(part for part in _sentences(update) if part))


def _sentences(update: Update) -> Iterable[str]:
    # The same as `_paragraphs` as running text.
    text = reader_passage(update.text)
    yield "" if text.is_own or not text else f"{untranslated_note(text.wanted)}:"
    yield running_text(markup.html(text.text))
    yield _labelled_window(update)
    yield "; ".join(_change_lines(update))
    if update.quote:
        yield f"{quote_heading(update.incident.upstream_name, update.quote_language)}:"
        yield running_text(markup.html(update.quote))
    yield _labelled_source(update)


def _labelled_window(update: Update) -> str:
    return f"{gettext('Maintenance window')}: {_window(update)}" if _window(update) else ""


def _change_lines(update: Update) -> list[str]:
    return [f"{_name(row)}{status and f': {status}'}" for row, status in _changes(update)]


def _labelled_source(update: Update) -> str:
    return f"{gettext('Source')}: {update.quote_url}" if update.quote_url else ""


def _name(row: AffectedComponent) -> str:
    return plain_title(reader_passage(row.component.name))


def _language() -> str:
    return get_language() or settings.LANGUAGE_CODE
