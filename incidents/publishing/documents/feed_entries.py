"""What the feeds say: one entry per update or, at the Statuspage addresses, one per incident.

An id never changes and is the same in every language and format (RFC 4287 §4.2.6,
RFC 4151). A text in another language than the feed's is marked and said so.
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
from ...models import AffectedComponent, Component, Incident, Update
from ...status import Phase
from ...text import Passage
from ...wording import language_name, quote_heading, reader_passage, untranslated_note
from ..reading.story import Story, with_timeline
from .base import Edition

NEWEST = 50


@dataclass(frozen=True)
class FeedEntry:
    """`title` is plain; `title_html` marks another language in it. Times have the page's zone."""

    id: str
    path: str
    title: str
    title_html: SafeString
    html: str
    plain: str
    published: datetime
    updated: datetime
    categories: tuple[str, ...]


def tag(specific: str) -> str:
    """A permanent id. 2005 is the year that Statuspage's ids have; it only has to stay the same."""
    return f"tag:{settings.FEED_ID_HOST},2005:{specific}"


def newest_updates(edition: Edition, component: Component | None = None) -> list[FeedEntry]:
    """An entry for each of the newest public updates, in two queries; all of every incident the component was in."""
    return [edition.once(of_update, edition, update) for update in edition.read_once(_newest_updates, component)]


def _newest_updates(component: Component | None) -> list[Update]:
    affected = AffectedComponent.objects.select_related("component")
    updates = Update.objects.public().newest_first().select_related("incident")
    if component is not None:
        named = Update.objects.public().filter(affected__component=component)
        updates = updates.filter(incident__in=named.values("incident"))
    return list(updates.prefetch_related(Prefetch("affected", affected))[:NEWEST])


def newest_incidents(edition: Edition) -> list[FeedEntry]:
    """An entry for each of the incidents that were last heard of, the latest first."""
    heard = _last_heard()
    stories = {story.incident.pk: story for story in with_timeline(Incident.objects.filter(pk__in=heard))}
    return [_of_incident(edition, stories[key]) for key in heard]


def _last_heard() -> list[str]:
    """Ids of incidents by their newest update: read from the newest of all updates, not from all incidents."""
    of_updates = Update.objects.public().newest_first().values_list("incident_id", flat=True)
    read = NEWEST
    while True:
        read *= 4
        ids = list(of_updates[:read])
        heard = list(dict.fromkeys(ids))
        if len(heard) >= NEWEST or len(ids) < read:
            return heard[:NEWEST]


def of_update(edition: Edition, update: Update) -> FeedEntry:
    """The entry of one update, in the edition's language, which is active."""
    incident = update.incident
    title = reader_passage(incident.title)
    phase = update.get_phase_display()
    return FeedEntry(
        id=tag(f"incident/{incident.pk}/update/{update.pk}"),
        path=links.update(incident.pk, update.pk, _language()),
        title=_with_phase(phase, plain_line(title)),
        title_html=_html(_with_phase(format_html("{}", phase), _title_html(title))),
        html=edition.once(_update_html, update),
        plain=edition.once(_plain, update),
        published=timezone.localtime(update.at),
        updated=_changed(update),
        categories=(str(incident.get_kind_display()), str(phase)),
    )


def _of_incident(edition: Edition, story: Story) -> FeedEntry:
    incident, title = story.incident, reader_passage(story.incident.title)
    return FeedEntry(
        id=tag(f"Incident/{incident.pk}"),
        path=links.incident(incident.pk, _language()),
        title=plain_line(title),
        title_html=_title_html(title),
        html=_rendered("feeds/incident.html", parts=[(one, edition.once(_update_html, one)) for one in story.timeline]),
        plain="\n\n".join(f"{one.get_phase_display()}: {edition.once(_plain, one)}" for one in story.timeline),
        published=timezone.localtime(story.timeline[-1].at),
        updated=max(_changed(update) for update in story.timeline),
        categories=(str(incident.get_kind_display()), str(incident.get_phase_display())),
    )


def _changed(update: Update) -> datetime:
    return timezone.localtime(update.changed_at)


def _with_phase(phase: str, title: str) -> str:
    return pgettext("title of a feed entry", "%(phase)s: %(title)s") % {"phase": phase, "title": title}


def plain_line(found: Passage) -> str:
    """A title or name without markup; another language than the reader's is said behind it."""
    text = markup.clean(found.text)
    return text if found.is_own else _in_language(text, found.language)


def plain_text(found: Passage) -> str:
    """A Markdown text without markup; that it is in another language than the reader's is said above it."""
    text = markup.plain(found.text)
    return text if found.is_own else f"{untranslated_note(found.wanted)}\n\n{text}"


def _title_html(title: Passage) -> SafeString:
    if title.is_own:
        return format_html("{}", markup.clean(title.text))
    marked = format_html('<span lang="{}">{}</span>', title.language, markup.clean(title.text))
    return _html(_in_language(marked, title.language))


def _in_language(text: str, language: str) -> str:
    named = {"text": text, "language": language_name(language)}
    return pgettext("a title in another language", "%(text)s (in %(language)s)") % named


def _html(joined: str) -> SafeString:
    """Parts that were escaped, joined by a pattern from the catalogue."""
    return SafeString(joined)


def _update_html(update: Update) -> SafeString:
    heading = quote_heading(update.incident.upstream_name, update.quote_language) if update.quote else ""
    context = {"changes": _changes(update), "window": _window(update), "heading": heading}
    return _rendered("feeds/update.html", update=update, **context)


def _rendered(template: str, **context: object) -> SafeString:
    return SafeString(markup.clean(render_to_string(template, context)).strip())


def _changes(update: Update) -> list[tuple[AffectedComponent, str]]:
    """The components it names, each with its new status in words; planned work has not changed any yet."""
    rows = [row for row in update.affected.all() if not row.component.hidden]
    return [(row, "" if update.phase == Phase.SCHEDULED else str(row.get_status_display())) for row in rows]


def _window(update: Update) -> str:
    """When planned work is to be done; said where it is announced."""
    incident = update.incident
    if update.phase != Phase.SCHEDULED or incident.scheduled_for is None:
        return ""
    return formats.span(incident.scheduled_for, incident.scheduled_until)


def _plain(update: Update) -> str:
    return markup.clean("\n\n".join(part for part in _paragraphs(update) if part))


def _paragraphs(update: Update) -> Iterable[str]:
    yield plain_text(reader_passage(update.text))
    yield f"{gettext('Time of the work')}: {_window(update)}" if _window(update) else ""
    yield "\n".join(f"- {_name(row)}{status and f': {status}'}" for row, status in _changes(update))
    if update.quote:
        yield f"{quote_heading(update.incident.upstream_name, update.quote_language)}:"
        yield "\n".join(f"> {line}".rstrip() for line in markup.plain(update.quote).splitlines())
    yield f"{gettext('Source')}: {update.quote_url}" if update.quote_url else ""


def _name(row: AffectedComponent) -> str:
    return plain_line(reader_passage(row.component.name))


def _language() -> str:
    return get_language() or settings.LANGUAGE_CODE
