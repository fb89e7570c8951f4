"""A second public store: any storage that Django knows, such as a bucket behind a CDN.

It gets each document after the public store has it, under the name of its file. Only
plain files are sent, a CDN compresses by itself. The home page in the default
language stands there as `index.html`, too, because a bucket cannot negotiate.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages

from ... import links
from ...public_site.headers import cache_control, media_type
from .public_store import PublicStore

NAME = "mirror"
_AT_ONCE = 8


class Sent(ContentFile[bytes]):
    """A document with what a storage may want to know of it; django-storages reads `content_type`."""

    def __init__(self, path: str, content: bytes) -> None:
        super().__init__(content)
        self.content_type = media_type(path)
        self.cache_control = cache_control(path)


def send(store: PublicStore, groups: Iterable[list[str]], gone: list[str]) -> Iterator[tuple[str, BaseException]]:
    """Saves one group of paths after the other, then deletes what is gone; yields what failed, and why.

    Does nothing where no mirror is set up.
    """
    if NAME not in settings.STORAGES:
        return
    storage = storages[NAME]
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        for group in groups:
            yield from _failures({path: threads.submit(_save, storage, store, path) for path in group})
        yield from _failures({path: threads.submit(_delete, storage, store, path) for path in gone})


def _failures(work: dict[str, "Future[None]"]) -> Iterator[tuple[str, BaseException]]:
    """Waits for all. A storage may raise anything: each has a service's own errors."""
    for path, future in work.items():
        if error := future.exception():
            yield path, error


def _save(storage: Storage, store: PublicStore, path: str) -> None:
    content = store.read(path)
    if content is None:  # deleted meanwhile by somebody whose turn it is
        return
    for name in _names(store, path):
        saved = storage.save(name, Sent(path, content))
        if saved != name:  # a storage that never overwrites gave it another name
            storage.delete(name)
            storage.save(name, Sent(path, content))
            storage.delete(saved)


def _delete(storage: Storage, store: PublicStore, path: str) -> None:
    for name in _names(store, path):
        storage.delete(name)


def _names(store: PublicStore, path: str) -> list[str]:
    name = store.file(path).relative_to(store.root).as_posix()
    return [name, "index.html"] if path == links.home(settings.LANGUAGE_CODE) else [name]
