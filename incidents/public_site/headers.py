"""Security and cache headers of published documents and dynamic pages.

A table maps paths to rules, so that an exception (such as a page that other sites
may frame) is one line. STANDARDS S1, C1.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

Headers = tuple[tuple[str, str], ...]

# RFC 5861 §3–4: caches may serve a copy for five minutes while they revalidate it, and for a day if
# the site fails. No `s-maxage`: it forbids exactly that (RFC 9111 §5.2.2.10).
CACHE_DOCUMENT = "public, max-age=30, stale-while-revalidate=300, stale-if-error=86400"
CACHE_HASHED = "public, max-age=31536000, immutable"
CACHE_STATIC = "public, max-age=300, stale-if-error=86400"
CACHE_NEVER = "no-store"

# A browser asks with OPTIONS before a script of another origin may send headers of its own (Fetch standard,
# CORS-preflight). `*` allows all of them but Authorization, for the answer does not depend on them, so it needs
# no Vary. Browsers remember it for at most a day, some for two hours.
READ, READ_BY_SCRIPTS = "GET, HEAD", "GET, HEAD, OPTIONS"
PREFLIGHT: Headers = (
    ("Allow", READ_BY_SCRIPTS),
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Allow-Methods", READ_BY_SCRIPTS),
    ("Access-Control-Allow-Headers", "*"),
    ("Access-Control-Max-Age", "86400"),
    ("Cache-Control", CACHE_DOCUMENT),
)

HSTS = "max-age=31536000"
# Only features that every browser knows; unknown ones cause a warning in the reader's console.
PERMISSIONS = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"


def _policy(**changed: str) -> str:
    # Return a Content-Security-Policy; keywords replace directives (`img_src="'self' data:"`).
    directives = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "object-src": "'none'",
        "frame-ancestors": "'none'",
        **{name.replace("_", "-"): value for name, value in changed.items()},
    }
    return "; ".join(f"{name} {value}" for name, value in directives.items())


@dataclass(frozen=True, slots=True)
class Rules:
    """What a page may do in a browser, and whether it may be framed, indexed or cached."""

    content_security_policy: str = _policy()
    referrer_policy: str = "strict-origin-when-cross-origin"
    robots: str = ""
    # Cache-Control of a dynamic page; published documents have CACHE_DOCUMENT.
    dynamic_cache: str = CACHE_NEVER


PUBLIC = Rules()
# The admin links only to itself; Django's icons have data: addresses, and previews are frames.
ADMIN = Rules(_policy(img_src="'self' data:", frame_src="'self'"), "same-origin", "noindex")
# Their addresses contain tokens, which must not leak to other sites.
PRIVATE = Rules(referrer_policy="no-referrer", robots="noindex")
SEARCH = Rules(robots="noindex")

# Made for frames on other sites; it has no form and nothing to click that changes state.
FRAMED = Rules(_policy(frame_ancestors="*"))

# The first pattern that matches the beginning of a path decides; other paths are PUBLIC.
RULES_BY_PATH: tuple[tuple[re.Pattern[str], Rules], ...] = (
    (re.compile(r"/admin(/|$)"), ADMIN),
    (re.compile(r"/([a-z-]+/)?subscription/"), PRIVATE),
    (re.compile(r"/([a-z-]+/)?search/"), SEARCH),
    (re.compile(r"/[a-z-]+/banner/$"), FRAMED),
)

# Media types by file name extension; files with other extensions are not served.
MEDIA_TYPES = {
    "html": "text/html; charset=utf-8",
    "atom": "application/atom+xml; charset=utf-8",
    "rss": "application/rss+xml; charset=utf-8",
    "json": "application/json; charset=utf-8",
    "ics": "text/calendar; charset=utf-8",
    "svg": "image/svg+xml",
    "xml": "application/xml",
    "txt": "text/plain; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "png": "image/png",
    "jpg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "ico": "image/x-icon",
    "woff2": "font/woff2",
}
JSON_FEED = "application/feed+json; charset=utf-8"
# Extensions of documents that are written in a language.
_IN_A_LANGUAGE = {"html", "atom", "rss", "json", "ics", "svg"}
_HASHED = re.compile(r"/(assets|static)/.*[.-][0-9a-f]{8,64}\.[a-z0-9]+")


def media_type(path: str) -> str:
    """Return the type of the document at a public path; KeyError if its extension is not served."""
    if path.endswith("/feed.json"):
        return JSON_FEED
    return MEDIA_TYPES["html" if path.endswith("/") else path.rpartition(".")[2]]


def cache_control(path: str) -> str:
    """Return the Cache-Control of the document at `path`."""
    if _HASHED.fullmatch(path):
        return CACHE_HASHED
    return CACHE_STATIC if path.startswith("/static/") else CACHE_DOCUMENT


def content_language(path: str, languages: Sequence[str], default: str) -> str:
    """Return the language of a document: the first part of its path, else the default; "" if it has none."""
    extension = "html" if path.endswith("/") else path.rpartition(".")[2]
    if extension not in _IN_A_LANGUAGE or path.startswith(("/static/", "/assets/")):
        return ""
    first = path.split("/")[1]
    return first if first in languages else default


def is_for_other_origins(path: str) -> bool:
    """Whether scripts on other sites may read the document at `path`: these contain nothing private."""
    return path.endswith(".json")


def rules_for(path: str) -> Rules:
    return next((rules for pattern, rules in RULES_BY_PATH if pattern.match(path)), PUBLIC)


@lru_cache(maxsize=64)
def _security(rules: Rules, *, https: bool) -> Headers:
    headers = {
        "Content-Security-Policy": rules.content_security_policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": rules.referrer_policy,
        "Permissions-Policy": PERMISSIONS,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Strict-Transport-Security": HSTS if https else "",
        "X-Robots-Tag": rules.robots,
    }
    return tuple((name, value) for name, value in headers.items() if value)


def security_headers(path: str, *, https: bool) -> Headers:
    """Return the headers of every response at `path`, published or dynamic."""
    return _security(rules_for(path), https=https)


def dynamic_headers(path: str, *, https: bool) -> Mapping[str, str]:
    """Return the security headers of a dynamic page, and its Cache-Control unless the view sets one."""
    return {**dict(security_headers(path, https=https)), "Cache-Control": rules_for(path).dynamic_cache}


def document_headers(path: str, languages: Sequence[str], default: str, *, https: bool) -> Headers:
    """Return the headers of a published document, without validators, length and encoding."""
    headers = [("Content-Type", media_type(path)), ("Cache-Control", cache_control(path))]
    if language := content_language(path, languages, default):
        headers.append(("Content-Language", language))
    if is_for_other_origins(path):
        headers.append(("Access-Control-Allow-Origin", "*"))
    return (*headers, *security_headers(path, https=https))
