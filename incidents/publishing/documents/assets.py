"""Style sheet, script and icons as published documents, so that a page depends on the public store alone.

Each address contains a hash of the content, so that browsers can cache it for ever.
The sources in `static/` are joined in the order of the names here, without comments
but otherwise unchanged.
"""

import hashlib
import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from ...appearance import APPEARANCES, NONE
from ...models import Page
from ...status import ComponentStatus
from .base import Document, Edition, Subjects
from .brand_colour import DARK_PAPER, LIGHT_PAPER, readable_on
from .themes import ADMIN_SWITCH, theme_rules

STYLES = tuple(
    "tokens base shell hero states prose timeline components history follow forms subscriptions print".split()
)
BANNER_STYLES = ("tokens", "states", "banner")
SCRIPTS = ("moments", "days", "fresh", "theme")

_ICONS = {f"favicon-{state}.svg": state for state in (*ComponentStatus, NONE)}
_FOLDER = "/assets/"
_HASH = re.compile(r"-[0-9a-f]{12}(?=\.)")
NAMES = ("site.css", "site.js", "banner.css", *_ICONS)
_COMMENT = re.compile(r"/\*.*?\*/\s*|^\s*//[^\n]*\n", re.DOTALL | re.MULTILINE)


class Assets(Document):
    """`site.css`, `site.js`, `banner.css` and an icon per state, for all languages; `key` contains the hash."""

    per_language = False
    high_priority = True

    def all_keys(self) -> Iterable[str]:
        page = Page.objects.current()
        return [asset_path(name, page).removeprefix(_FOLDER) for name in NAMES]

    def touched(self, subjects: Subjects) -> Iterable[str]:
        # All of them: after an upgrade, the first page to be written may refer to new ones.
        return self.all_keys() if subjects else []

    def path(self, key: str, language: str) -> str:
        return f"{_FOLDER}{key}"

    def render(self, key: str, edition: Edition) -> bytes | None:
        name = _HASH.sub("", key)
        is_current = asset_path(name, edition.page) == self.path(key, edition.language)
        return asset(name, edition.page.brand_colour) if is_current else None


class LogoFile(Document):
    """The page's logo, at an address that changes with it."""

    per_language = False
    high_priority = True

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
    """Return the public path of a logo by its key."""
    return f"/assets/logo-{key}"


def asset_path(key: str, page: Page) -> str:
    """Return the public path of `site.css`, `site.js`, `banner.css` or `favicon-<state>.svg`."""
    name, kind = key.rsplit(".", 1)
    return f"{_FOLDER}{name}-{_hash(asset(key, page.brand_colour))}.{kind}"


def asset(key: str, brand: str) -> bytes:
    """Return one of NAMES, or `admin.css`: fonts, sizes and colours for the admin, which serves them itself."""
    # In development, the sources are read each time.
    return (_asset.__wrapped__ if settings.DEBUG else _asset)(key, brand)


@lru_cache(maxsize=64)
def _asset(key: str, brand: str) -> bytes:
    if key == "site.css":
        tokens, rest = _joined("css/public", STYLES[:1], "css"), _joined("css/public", STYLES[1:], "css")
        return (_brand(brand) + tokens + theme_rules(tokens) + rest).encode()
    if key == "admin.css":
        tokens = _joined("css/public", STYLES[:1], "css")
        return (_brand(brand) + tokens + theme_rules(tokens, ADMIN_SWITCH)).encode()
    if key == "banner.css":
        return (_brand(brand) + _joined("css/public", BANNER_STYLES, "css")).encode()
    if key == "site.js":
        # A block per module keeps its names local.
        return "".join(f"{{\n{_source('js', name, 'js')}}}\n" for name in SCRIPTS).encode()
    return _icon(_ICONS[key]).encode()


@lru_cache(maxsize=64)
def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]


def _brand(brand: str) -> str:
    # Return the rule for the brand colour, adjusted to be legible in the light and the dark theme.
    light, dark = readable_on(LIGHT_PAPER, brand), readable_on(DARK_PAPER, brand)
    return f":root{{--brand-light:{light};--brand-dark:{dark}}}\n"


def _joined(folder: str, names: Iterable[str], kind: str) -> str:
    return "".join(_source(folder, name, kind) for name in names)


def _source(folder: str, name: str, kind: str) -> str:
    source: Path = settings.BASE_DIR / "static" / folder / f"{name}.{kind}"
    return _COMMENT.sub("", source.read_text(encoding="utf-8"))


def _icon(state: str) -> str:
    appearance = APPEARANCES[state]
    shape = f'<path fill="{appearance.icon}" d="{appearance.path}"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">{shape}</svg>\n'
