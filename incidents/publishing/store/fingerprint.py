"""Whether the public store was written by this version of the product with the present settings.

After an upgrade, a new translation or a new SITE_URL, any document may differ
although nothing in the database changed; then everything is published once.
"""

import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from django.conf import settings

from .public_store import PublicStore

_FILE = ".written-by"  # a file whose name begins with a dot is never served
_SOURCES = (("incidents", "*.py"), ("incidents/locale", "*.mo"), ("templates", "*.html"), ("static", "*"))


def current() -> str:
    """Return a hash of everything but the database that documents are made from."""
    used = (settings.LANGUAGES, settings.LANGUAGE_CODE, settings.SITE_URL, settings.SECURITY_CONTACT)
    return hashlib.sha256(repr(used).encode() + _hash_of_files()).hexdigest()


@cache  # the files of a running version never change
def _hash_of_files() -> bytes:
    digest = hashlib.sha256()
    for file in _files():
        digest.update(str(file.relative_to(settings.BASE_DIR)).encode() + b"\0" + file.read_bytes())
    return digest.digest()


def matches(store: PublicStore) -> bool:
    try:
        return (store.root / _FILE).read_text(encoding="ascii") == current()
    except FileNotFoundError:
        return False


def record(store: PublicStore) -> None:
    """Record that every document in the store was written by this version."""
    (store.root / _FILE).write_text(current(), encoding="ascii")


def forget(store: PublicStore) -> None:
    """Record that versions are mixed in the store, so that each version publishes everything again."""
    (store.root / _FILE).unlink(missing_ok=True)


def _files() -> Iterator[Path]:
    for folder, pattern in _SOURCES:
        yield from sorted(file for file in (settings.BASE_DIR / folder).rglob(pattern) if file.is_file())
