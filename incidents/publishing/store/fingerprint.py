"""Whether the public store was written by this very version of the product, with these settings.

After an upgrade, a new translation or another SITE_URL every document may differ
though nothing in the database changed; then everything is published once.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from .public_store import PublicStore

_FILE = ".written-by"  # no reader gets a file whose name begins with a dot
_SOURCES = (("incidents", "*.py"), ("incidents/locale", "*.mo"), ("templates", "*.html"), ("static", "*"))


def current() -> str:
    """A hash over all that decides how documents look, the database apart."""
    digest = hashlib.sha256(repr((settings.LANGUAGES, settings.LANGUAGE_CODE, settings.SITE_URL)).encode())
    for file in _files():
        digest.update(str(file).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def matches(store: PublicStore) -> bool:
    try:
        return (store.root / _FILE).read_text(encoding="ascii") == current()
    except FileNotFoundError:
        return False


def leave(store: PublicStore) -> None:
    """Notes that every document in the store is by this version."""
    (store.root / _FILE).write_text(current(), encoding="ascii")


def _files() -> Iterator[Path]:
    for folder, pattern in _SOURCES:
        yield from sorted(file for file in (settings.BASE_DIR / folder).rglob(pattern) if file.is_file())
