"""The feeds: Atom, RSS and JSON per language, for the page and each component; and the feeds of Statuspage."""

from collections.abc import Iterable, Sequence
from io import StringIO

from django.conf import settings
from django.utils.translation import gettext, pgettext

from ... import links, markup
from ...models import Component
from ...wording import words
from .archive import component_slugs
from .base import Document, Edition, SingleDocument, Subjects
from .feed_entries import FeedEntry, newest_incidents, newest_updates, tag
from .feed_formats import Atom, Json, Rss

_FORMATS: dict[str, type[Atom | Rss | Json]] = {"atom": Atom, "rss": Rss, "json": Json}


class FeedDocument(Document):
    """Base class of the feeds; `kind` is atom, rss or json."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def render_feed(
        self, key: str, edition: Edition, *, title: str, home: str, guid: str, entries: list[FeedEntry]
    ) -> str:
        feed = _FORMATS[self.kind](
            title=title,
            link=links.absolute(home),
            description=gettext("Incidents and planned maintenance"),
            language=edition.language,
            author_name=markup.clean(edition.page.company) or _name(edition),
            feed_url=links.absolute(self.path(key, edition.language)),
            feed_guid=tag(guid),
            alternates=self.alternates(key, edition.language),
        )
        for entry in entries:
            feed.add_entry(entry)
        text = StringIO()
        feed.write(text, "utf-8")
        return text.getvalue()

    def alternates(self, key: str, language: str) -> Sequence[tuple[str, str]]:
        if not self.per_language:
            return []
        return [(code, self.path(key, code)) for code, _name in settings.LANGUAGES if code != language]


class Feed(FeedDocument, SingleDocument):
    """`/da/feed.atom`, `.rss` and `.json`: the newest updates, one entry each."""

    def path(self, key: str, language: str) -> str:
        return links.feed(language, self.kind)

    def render(self, key: str, edition: Edition) -> str:
        home, guid = links.home(edition.language), f"feed/{edition.language}"
        return self.render_feed(
            key, edition, title=_name(edition), home=home, guid=guid, entries=edition.cached(newest_updates, edition)
        )


class ComponentFeed(FeedDocument):
    """`/da/components/<slug>/feed.atom`, `.rss` and `.json`; `key` is the component's slug."""

    def all_keys(self) -> Iterable[str]:
        return Component.objects.public().values_list("slug", flat=True)

    def touched(self, subjects: Subjects) -> Iterable[str]:
        return [*component_slugs(subjects), *subjects.of("feed")]

    def path(self, key: str, language: str) -> str:
        return links.component_feed(key, language, self.kind)

    def render(self, key: str, edition: Edition) -> str | None:
        component = edition.shared(_component, key)
        if component is None:
            return None
        named = {"page": _name(edition), "component": markup.clean(words(component.name))}
        return self.render_feed(
            key,
            edition,
            title=pgettext("title of a component's feed", "%(page)s: %(component)s") % named,
            home=links.component(key, edition.language),
            guid=f"feed/{edition.language}/component/{component.pk}",
            entries=edition.cached(newest_updates, edition, component),
        )


class HistoryFeed(FeedDocument, SingleDocument):
    """`/history.atom` and `/history.rss` as on Statuspage: one entry per incident, in the default language."""

    per_language = False

    def path(self, key: str, language: str) -> str:
        return f"/history.{self.kind}"

    def render(self, key: str, edition: Edition) -> str:
        home = links.home(edition.language)
        return self.render_feed(
            key,
            edition,
            title=_name(edition),
            home=home,
            guid="/history",
            entries=edition.cached(newest_incidents, edition),
        )


def _component(slug: str) -> Component | None:
    return Component.objects.public().filter(slug=slug).first()


def _name(edition: Edition) -> str:
    return markup.clean(words(edition.page.name)) or "Status"
