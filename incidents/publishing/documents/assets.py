"""Style sheet, script and icons as published documents, so that a page depends on the public store alone.

Each address carries a hash of the content and is kept for ever by those who have
it. The sources in `static/` are read in the order of their names here; comments
are left out, nothing else is changed.
"""

import hashlib
import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from ...appearance import APPEARANCES
from ...models import Page
from ...status import ComponentStatus
from .base import Document, Edition, Subjects
from .colours import DARK_PAPER, LIGHT_PAPER, readable_on
from .themes import switch

STYLES = tuple("tokens base shell states prose timeline components history follow forms subscriptions print".split())
BANNER_STYLES = ("tokens", "states", "banner")
SCRIPTS = ("moments", "days", "fresh", "theme")

_ICONS = {f"favicon-{state}.svg": state for state in ComponentStatus}
_FOLDER = "/assets/"
_HASH = re.compile(r"-[0-9a-f]{12}(?=\.)")
NAMES = ("site.css", "site.js", "banner.css", *_ICONS)
_COMMENT = re.compile(r"/\*.*?\*/\s*|^\s*//[^\n]*\n", re.DOTALL | re.MULTILINE)


class Assets(Document):
    """`site.css`, `site.js`, `banner.css` and an icon per state, made once for all languages; `key` has the hash."""

    per_language = False
    leads = True

    def all_keys(self) -> Iterable[str]:
        page = Page.objects.current()
        return [asset_path(name, page).removeprefix(_FOLDER) for name in NAMES]

    def touched(self, subjects: Subjects) -> Iterable[str]:
        # All, whatever changed: after an upgrade the first page written may be the first to ask for them.
        return self.all_keys() if subjects else []

    def path(self, key: str, language: str) -> str:
        return f"{_FOLDER}{key}"

    def render(self, key: str, edition: Edition) -> bytes | None:
        name = _HASH.sub("", key)
        is_current = asset_path(name, edition.page) == self.path(key, edition.language)
        return asset(name, edition.page.brand_colour) if is_current else None


class LogoFile(Document):
    """The page's logo, under an address that changes with it."""

    per_language = False
    leads = True

    def all_keys(self) -> Iterable[str]:
        logo = Page.objects.current().logo
        return [logo.key] if logo else []

    def touched(self, subjects: Subjects) -> Iterable[str]:
        return []  # a new logo makes the whole page stale, and with it all keys

    def path(self, key: str, language: str) -> str:
        return logo_path(key)

    def render(self, key: str, edition: Edition) -> bytes | None:
        logo = edition.page.logo
        return bytes(logo.content) if logo and logo.key == key else None


def logo_path(key: str) -> str:
    """The public address of a logo by its key."""
    return f"/assets/logo-{key}"


def asset_path(key: str, page: Page) -> str:
    """The public address of `site.css`, `site.js`, `banner.css` or `favicon-<state>.svg`."""
    name, kind = key.rsplit(".", 1)
    return f"{_FOLDER}{name}-{_hash(asset(key, page.brand_colour))}.{kind}"


def asset(key: str, brand: str) -> bytes:
    # While somebody works on the sources, each rendering reads them anew.
    return (_asset.__wrapped__ if settings.DEBUG else _asset)(key, brand)


@lru_cache(maxsize=64)
def _asset(key: str, brand: str) -> bytes:
    if key == "site.css":
        tokens, rest = _joined("css/public", STYLES[:1], "css"), _joined("css/public", STYLES[1:], "css")
        return (_brand(brand) + tokens + switch(tokens) + rest).encode()
    if key == "banner.css":
        return (_brand(brand) + _joined("css/public", BANNER_STYLES, "css")).encode()
    if key == "site.js":
        # A block of its own for each module keeps its names to itself.
        return "".join(f"{{\n{_source('js', name, 'js')}}}\n" for name in SCRIPTS).encode()
    return _icon(_ICONS[key]).encode()


@lru_cache(maxsize=64)
def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]


def _brand(brand: str) -> str:
    """The page's colour as it can be read on light and on dark paper."""
    light, dark = readable_on(LIGHT_PAPER, brand), readable_on(DARK_PAPER, brand)
    return f":root{{--brand-light:{light};--brand-dark:{dark}}}\n"


def _joined(folder: str, names: Iterable[str], kind: str) -> str:
    return "".join(_source(folder, name, kind) for name in names)


def _source(folder: str, name: str, kind: str) -> str:
    source: Path = settings.BASE_DIR / "static" / folder / f"{name}.{kind}"
    return _COMMENT.sub("", source.read_text(encoding="utf-8"))


def _icon(state: ComponentStatus) -> str:
    look = APPEARANCES[state]
    shape = f'<path fill="{look.icon}" d="{look.path}"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">{shape}</svg>\n'
