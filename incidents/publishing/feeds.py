"""The feeds: Atom, RSS and JSON in each language, and the two addresses that Statuspage has."""

from collections.abc import Sequence
from io import StringIO

from django.conf import settings
from django.utils.translation import gettext

from .. import links, markup
from ..templatetags.wording import words
from .documents import Edition, SingleDocument
from .feed_entries import Entry, newest_incidents, newest_updates, tag
from .feed_formats import Atom, Json, Rss

_FORMATS: dict[str, type[Atom | Rss | Json]] = {"atom": Atom, "rss": Rss, "json": Json}


class Feed(SingleDocument):
    """`/da/feed.atom` and its siblings: the newest updates, one entry each."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def path(self, key: str, language: str) -> str:
        return links.feed(language, self.kind)

    def guid(self, language: str) -> str:
        return tag(f"feed/{language}")

    def entries(self) -> list[Entry]:
        return newest_updates()

    def render(self, key: str, edition: Edition) -> str:
        name = markup.clean(words(edition.page.name)) or "Status"
        feed = _FORMATS[self.kind](
            title=name,
            link=links.absolute(links.home(edition.language)),
            description=gettext("Incidents and planned maintenance"),
            language=edition.language,
            author_name=markup.clean(edition.page.company) or name,
            feed_url=links.absolute(self.path(key, edition.language)),
            feed_guid=self.guid(edition.language),
            alternates=self.alternates(key, edition.language),
        )
        for entry in self.entries():
            feed.add_entry(entry)
        return _written(feed)

    def alternates(self, key: str, language: str) -> Sequence[tuple[str, str]]:
        if not self.per_language:
            return []
        return [(code, self.path(key, code)) for code, _name in settings.LANGUAGES if code != language]


class HistoryFeed(Feed):
    """`/history.atom` and `/history.rss` as Statuspage has them: one entry per incident, in the default language."""

    per_language = False

    def path(self, key: str, language: str) -> str:
        return f"/history.{self.kind}"

    def guid(self, language: str) -> str:
        return tag("/history")

    def entries(self) -> list[Entry]:
        return newest_incidents()


def _written(feed: Atom | Rss | Json) -> str:
    text = StringIO()
    feed.write(text, "utf-8")
    return text.getvalue()
