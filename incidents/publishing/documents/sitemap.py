"""`/robots.txt` and the sitemaps: every page that search engines should know, each with its other languages.

Incidents and months stand in a sitemap per year, so that an update rewrites one of them
however long the history is. Protocol 0.9 of sitemaps.org. Public paths need no escaping.
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

PAGES = "pages"  # the sitemap of what is not of any year
_SPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"
_LANGUAGES = 'xmlns:xhtml="http://www.w3.org/1999/xhtml"'


class Robots(Document):
    """`/robots.txt`. What must not be indexed says so itself (headers.py); who may not read it could not know."""

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
    """`/sitemap-pages.xml` and `/sitemap-2023.xml`; `key` is what tells them apart."""

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
        return _xml(f'urlset xmlns="{_SPACE}" {_LANGUAGES}', entries)


class SitemapIndex(Document):
    """`/sitemap.xml`: which sitemaps there are."""

    per_language = False

    def all_keys(self) -> Iterable[str]:
        return [""]

    def touched(self, subjects: Subjects) -> Iterable[str]:
        return [""] if _years(HistoryMonth().touched(subjects)) else []

    def path(self, key: str, language: str) -> str:
        return "/sitemap.xml"

    def render(self, key: str, edition: Edition) -> str:
        known = Sitemap()
        found = (links.absolute(known.path(one, edition.language)) for one in known.all_keys())
        return _xml(f'sitemapindex xmlns="{_SPACE}"', [f"<sitemap><loc>{address}</loc></sitemap>" for address in found])


def _years(month_keys: Iterable[str]) -> list[str]:
    return sorted({key[:4] for key in month_keys})


def _pages() -> Iterator[str]:
    for path in (links.home, links.maintenance, links.history, links.ways):
        yield from _in_each_language(path)
    for slug in Component.objects.public().in_page_order().values_list("slug", flat=True):
        yield from _in_each_language(partial(links.component, slug))


def _of_year(year: int) -> Iterator[str]:
    for key in HistoryMonth().all_keys():
        if key.startswith(f"{year}-"):
            yield from _in_each_language(partial(links.history, month=months.parsed(key)))
    changed = Max("updates__updated_at", filter=Q(updates__published_at__isnull=False))
    begun = Incident.objects.public().annotate(year=ExtractYear("started_at", tzinfo=zone())).filter(year=year)
    for pk, at in begun.newest_first().annotate(changed=changed).values_list("pk", "changed"):
        yield from _in_each_language(partial(links.incident, pk), at)


def _in_each_language(path: Callable[[str], str], changed: datetime | None = None) -> Iterator[str]:
    """An entry per language, each naming all of them."""
    addresses = {code: links.absolute(path(code)) for code, _name in settings.LANGUAGES}
    named = [*addresses.items(), ("x-default", addresses[settings.LANGUAGE_CODE])]
    others = "".join(f'<xhtml:link rel="alternate" hreflang="{code}" href="{one}"/>' for code, one in named)
    last = f"<lastmod>{changed.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}</lastmod>" if changed else ""
    return (f"<url><loc>{address}</loc>{last}{others}</url>" for address in addresses.values())


def _xml(root: str, entries: Iterable[str]) -> str:
    name, _space, _attributes = root.partition(" ")
    return "\n".join(['<?xml version="1.0" encoding="utf-8"?>', f"<{root}>", *entries, f"</{name}>", ""])
