"""`/robots.txt` and the sitemaps: every page for search engines, each with its other languages.

There is one sitemap per year for incidents and months, so that an update rewrites only
one of them, however long the history is. Protocol 0.9 of sitemaps.org. Public paths need no escaping.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import partial

from django.conf import settings
from django.db.models import Max, Q
from django.db.models.functions import ExtractYear

from ... import links
from ...models import Component, Incident
from ..reading import months
from ..reading.history import zone
from .archive import HistoryMonth
from .base import Document, Edition, Subjects

PAGES = "pages"  # the sitemap of pages that belong to no year
_NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"
_XHTML_NAMESPACE = 'xmlns:xhtml="http://www.w3.org/1999/xhtml"'


class Robots(Document):
    """`/robots.txt`. It allows everything: pages that must not be indexed have a header (headers.py).

    Crawlers must be able to read those pages to see the header.
    """

    per_language = False

    def all_keys(self) -> Iterable[str]:
        return [""]

    def touched(self, subjects: Subjects) -> Iterable[str]:
        return []

    def path(self, key: str, language: str) -> str:
        return "/robots.txt"

    def render(self, key: str, edition: Edition) -> str:
        return f"User-agent: *\nAllow: /\n\nSitemap: {links.absolute('/sitemap.xml')}\n"


class Sitemap(Document):
    """`/sitemap-pages.xml` and `/sitemap-2023.xml`; `key` is the year or `pages`."""

    per_language = False

    def all_keys(self) -> Iterable[str]:
        return [PAGES, *_years(HistoryMonth().all_keys())]

    def touched(self, subjects: Subjects) -> Iterable[str]:
        return _years(HistoryMonth().touched(subjects))

    def path(self, key: str, language: str) -> str:
        return f"/sitemap-{key}.xml"

    def render(self, key: str, edition: Edition) -> str | None:
        entries = list(_pages() if key == PAGES else _of_year(int(key)))
        if not entries:
            return None
        return _xml(f'urlset xmlns="{_NAMESPACE}" {_XHTML_NAMESPACE}', entries)


class SitemapIndex(Document):
    """`/sitemap.xml`: the list of sitemaps."""

    per_language = False

    def all_keys(self) -> Iterable[str]:
        return [""]

    def touched(self, subjects: Subjects) -> Iterable[str]:
        return [""] if _years(HistoryMonth().touched(subjects)) else []

    def path(self, key: str, language: str) -> str:
        return "/sitemap.xml"

    def render(self, key: str, edition: Edition) -> str:
        sitemap = Sitemap()
        addresses = (links.absolute(sitemap.path(each, edition.language)) for each in sitemap.all_keys())
        entries = [f"<sitemap><loc>{address}</loc></sitemap>" for address in addresses]
        return _xml(f'sitemapindex xmlns="{_NAMESPACE}"', entries)


def _years(month_keys: Iterable[str]) -> list[str]:
    return sorted({key[:4] for key in month_keys})


def _pages() -> Iterator[str]:
    for path in (links.home, links.maintenance, links.history, links.follow_page):
        yield from _in_each_language(path)
    for slug in Component.objects.public().in_page_order().values_list("slug", flat=True):
        yield from _in_each_language(partial(links.component, slug))


def _of_year(year: int) -> Iterator[str]:
    for key in HistoryMonth().all_keys():
        if key.startswith(f"{year}-"):
            yield from _in_each_language(partial(links.history, month=months.parse(key)))
    changed = Max("updates__updated_at", filter=Q(updates__published_at__isnull=False))
    started = Incident.objects.public().annotate(year=ExtractYear("started_at", tzinfo=zone())).filter(year=year)
    for pk, at in started.newest_first().annotate(changed=changed).values_list("pk", "changed"):
        yield from _in_each_language(partial(links.incident, pk), at)


def _in_each_language(path: Callable[[str], str], changed: datetime | None = None) -> Iterator[str]:
    # Yield an entry per language, each of which links to all languages.
    addresses = {code: links.absolute(path(code)) for code, _name in settings.LANGUAGES}
    alternates = [*addresses.items(), ("x-default", addresses[settings.LANGUAGE_CODE])]
    others = "".join(f'<xhtml:link rel="alternate" hreflang="{code}" href="{url}"/>' for code, url in alternates)
    last = f"<lastmod>{changed.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}</lastmod>" if changed else ""
    return (f"<url><loc>{address}</loc>{last}{others}</url>" for address in addresses.values())


def _xml(root: str, entries: Iterable[str]) -> str:
    name, _separator, _attributes = root.partition(" ")
    return "\n".join(['<?xml version="1.0" encoding="utf-8"?>', f"<{root}>", *entries, f"</{name}>", ""])
