"""A small published store, and a PublicSite in front of a stand-in for Django that identifies itself."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from incidents.public_site.app import PublicSite
from incidents.publishing.store.public_store import PublicStore

PUBLISHED_AT = datetime(2023, 10, 11, 17, 0, tzinfo=UTC)
LAST_MODIFIED = "Wed, 11 Oct 2023 17:00:00 GMT"
HASHED = "/assets/site-0123456789ab.css"

DOCUMENTS = {
    "/": "<html lang=da>Driftsstatus</html>" + " " * 200,
    "/da/": "<html lang=da>Driftsstatus</html>" + " " * 200,
    "/en/": "<html lang=en>Status</html>" + " " * 200,
    "/da/incidents/k3j9x2m4p7qa/": "<html lang=da>Forsinket mail</html>",
    "/da/banner/": "<html lang=da>Alle systemer er i drift</html>",
    "/da/feed.atom": "<feed/>",
    "/da/feed.rss": "<rss/>",
    "/en/feed.json": "{}",
    "/da/maintenance.ics": "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n",
    "/api/v2/status.json": '{"language": "da"}',
    "/da/api/v2/status.json": '{"language": "da"}',
    "/en/api/v2/status.json": '{"language": "en"}',
    "/badge.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>",
    "/robots.txt": "User-agent: *\n",
    "/.well-known/security.txt": "Contact: mailto:security@example.com\n",
    "/sitemap.xml": "<urlset/>",
    "/assets/logo-0123456789ab.png": "\x89PNG",
    HASHED: "body{color:#000}",
}


def published(root: Path, documents: dict[str, str] = DOCUMENTS) -> PublicStore:
    store = PublicStore(root)
    for path, text in documents.items():
        store.write(path, text.encode(), PUBLISHED_AT)
    return store


def django_stand_in(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("404 Not Found", [("Content-Type", "text/plain"), ("X-From", "Django")])
    return [environ["PATH_INFO"].encode("latin-1")]


def site(root: Path, django: WSGIApplication = django_stand_in, **options: Any) -> PublicSite:
    static_root = root.parent / "static"
    defaults = {"languages": ["da", "en"], "default_language": "da", "https": False, "static_root": static_root}
    return PublicSite(django, public_root=root, **{**defaults, **options})
