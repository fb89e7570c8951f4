"""Security and cache headers, decided here for published documents and for dynamic pages alike.

Which page gets which is a table from path to rules, so that an address with
other needs (a page that others may frame, say) is one line. STANDARDS S1, C1.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

Headers = tuple[tuple[str, str], ...]

# RFC 5861 §3–4: a copy may be shown for five minutes while it is renewed, and for a day when the
# site fails. No `s-maxage`: it forbids exactly that (RFC 9111 §5.2.2.10).
CACHE_DOCUMENT = "public, max-age=30, stale-while-revalidate=300, stale-if-error=86400"
CACHE_HASHED = "public, max-age=31536000, immutable"
CACHE_STATIC = "public, max-age=300, stale-if-error=86400"
CACHE_NEVER = "no-store"

HSTS = "max-age=31536000"
# Only names that every browser knows; an unknown one is a warning in the reader's console.
PERMISSIONS = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"


def _policy(**changed: str) -> str:
    """A Content-Security-Policy; keywords replace directives (`img_src="'self' data:"`)."""
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
    """What a page may do in a browser, who may frame it, and whether it may be indexed or kept."""

    content_security_policy: str = _policy()
    referrer_policy: str = "strict-origin-when-cross-origin"
    robots: str = ""
    # How long a dynamic page may be kept; published documents have CACHE_DOCUMENT.
    dynamic_cache: str = CACHE_NEVER


PUBLIC = Rules()
# Its pages link to each other only; Django's admin shows icons as data: addresses.
ADMIN = Rules(_policy(img_src="'self' data:", frame_src="'self'"), "same-origin", "noindex")
# Their addresses are keys: no other site may learn them.
PRIVATE = Rules(referrer_policy="no-referrer", robots="noindex")

# The first pattern that matches the beginning of a path decides; all others are PUBLIC.
RULES_BY_PATH: tuple[tuple[re.Pattern[str], Rules], ...] = (
    (re.compile(r"/admin(/|$)"), ADMIN),
    (re.compile(r"/([a-z-]+/)?subscription/"), PRIVATE),
)

# Others' pages read the JSON with a script in the browser; there is nothing private in it.
READABLE_BY_OTHERS = re.compile(r"/([a-z-]+/)?api/v2/|/.*\bfeed\.json$")


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
    """The headers that every answer at `path` carries, published or dynamic."""
    return _security(rules_for(path), https=https)


def dynamic_headers(path: str, *, https: bool) -> Mapping[str, str]:
    """Security headers of a dynamic page, and how long it may be kept where its view does not say."""
    return {**dict(security_headers(path, https=https)), "Cache-Control": rules_for(path).dynamic_cache}
