"""Atom 1.0 (RFC 4287), RSS 2.0 (with its Best Practices Profile) and JSON Feed 1.1, on Django's generators.

Differences from Django's generators: a feed's `updated` is that of its newest entry and
never the time of rendering, the text is content and not a summary, and the feed links
to its other languages.
"""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from typing import IO, Any

from django.utils.feedgenerator import Atom1Feed, Rss201rev2Feed, SyndicationFeed, rfc3339_date
from django.utils.xmlutils import SimplerXMLGenerator

from ... import links
from .feed_entries import FeedEntry

# `updated` of a feed without entries: RFC 4287 §4.1.1 requires a time, and it must not change.
_NEVER = datetime(2005, 1, 1, tzinfo=UTC)


# Where HTML begins a tag, a comment or a processing instruction.
_TAG = re.compile(r"<(?=[A-Za-z!/?])")
_WORD_JOINER = "\u2060"  # has no width


class _Feed(SyndicationFeed):
    # Base class of the three formats.
    def add_entry(self, entry: FeedEntry) -> None:
        self.add_item(
            title=entry.title,
            title_html=entry.title_html,
            link=links.absolute(entry.path),
            description=entry.plain,
            summary=entry.summary,
            content=entry.html,
            unique_id=entry.id,
            unique_id_is_permalink=False,
            pubdate=entry.published,
            updateddate=entry.updated,
            added=entry.added,
            categories=entry.categories,
        )

    def latest_post_date(self) -> datetime:
        return max((item["updateddate"] for item in self.items), default=_NEVER)

    @property
    def alternates(self) -> Sequence[tuple[str, str]]:
        """Return (language, path) of this feed in its other languages."""
        alternates: Sequence[tuple[str, str]] = self.feed.get("alternates", ())
        return alternates


class Atom(_Feed, Atom1Feed):
    def add_root_elements(self, handler: SimplerXMLGenerator) -> None:
        super().add_root_elements(handler)
        for language, path in self.alternates:
            self._link(handler, "alternate", links.absolute(path), type="application/atom+xml", hreflang=language)

    def add_item_elements(self, handler: SimplerXMLGenerator, item: dict[str, Any]) -> None:
        handler.addQuickElement("id", item["unique_id"])
        handler.addQuickElement("title", item["title_html"], {"type": "html"})
        self._link(handler, "alternate", item["link"], type="text/html", hreflang=self.feed["language"])
        handler.addQuickElement("published", rfc3339_date(item["pubdate"]))
        handler.addQuickElement("updated", rfc3339_date(item["updateddate"]))
        for category in item["categories"]:
            handler.addQuickElement("category", "", {"term": category})
        handler.addQuickElement("content", item["content"], {"type": "html"})

    @staticmethod
    def _link(handler: SimplerXMLGenerator, rel: str, href: str, **attributes: str) -> None:
        handler.addQuickElement("link", "", {"rel": rel, "href": href, **attributes})


class Rss(_Feed, Rss201rev2Feed):
    """Titles are plain text; only an item's description is HTML (RSS Best Practices Profile, “Character Data”).

    Some readers take titles for HTML all the same. Escaped twice, they would be wrong in all
    others, so a “<” that would begin a tag is kept apart from what follows by an invisible character.
    """

    def add_root_elements(self, handler: SimplerXMLGenerator) -> None:
        self.feed["title"] = _without_tags(self.feed["title"])
        super().add_root_elements(handler)

    def rss_attributes(self) -> dict[str, str]:
        return {**super().rss_attributes(), "xmlns:content": "http://purl.org/rss/1.0/modules/content/"}

    def add_item_elements(self, handler: SimplerXMLGenerator, item: dict[str, Any]) -> None:
        # Feed readers parse a description as HTML, so a “<” in plain text must be escaped.
        texts = {"title": _without_tags(item["title"]), "description": escape(item["summary"], quote=False)}
        super().add_item_elements(handler, {**item, **texts, "pubdate": item["added"]})
        handler.addQuickElement("atom:updated", rfc3339_date(item["updateddate"]))
        handler.addQuickElement("content:encoded", item["content"])


class Json(_Feed):
    """JSON Feed; UTF-8 regardless of the encoding requested (RFC 8259 §8.1)."""

    def write(self, outfile: IO[str], encoding: str) -> None:
        document = {
            "version": "https://jsonfeed.org/version/1.1",
            "title": self.feed["title"],
            "home_page_url": self.feed["link"],
            "feed_url": self.feed["feed_url"],
            "description": self.feed["description"],
            "language": self.feed["language"],
            "authors": [{"name": self.feed["author_name"], "url": self.feed["link"]}],
            "items": [self._item(item) for item in self.items],
        }
        json.dump(document, outfile, ensure_ascii=False, indent=1)

    @staticmethod
    def _item(item: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": item["unique_id"],
            "url": item["link"],
            "title": item["title"],
            "content_html": item["content"],
            "content_text": item["description"],
            "date_published": rfc3339_date(item["pubdate"]),
            "date_modified": rfc3339_date(item["updateddate"]),
            "tags": item["categories"],
        }


def _without_tags(text: str) -> str:
    return _TAG.sub(f"<{_WORD_JOINER}", text)
