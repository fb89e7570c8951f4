"""A second public store in any Django storage, such as a bucket behind a CDN.

Each document is copied there once it is in the public store, under the name of its
file, and uncompressed, since CDNs compress. The home page in the default language
is also stored as `index.html`, because a bucket cannot negotiate languages.
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
_THREADS = 8


class MirroredFile(ContentFile[bytes]):
    """A document with its media type and caching, which storages may use: django-storages reads `content_type`."""

    def __init__(self, path: str, content: bytes) -> None:
        super().__init__(content)
        self.content_type = media_type(path)
        self.cache_control = cache_control(path)


def update(store: PublicStore, groups: Iterable[list[str]], removed: list[str]) -> Iterator[tuple[str, BaseException]]:
    """Save one group of paths after the other, then delete the removed ones; yield what failed, and why.

    Does nothing unless a mirror is configured.
    """
    if NAME not in settings.STORAGES:
        return
    storage = storages[NAME]
    with ThreadPoolExecutor(_THREADS) as threads:
        for group in groups:
            yield from _failures({path: threads.submit(_save, storage, store, path) for path in group})
        yield from _failures({path: threads.submit(_delete, storage, store, path) for path in removed})


def _failures(work: dict[str, "Future[None]"]) -> Iterator[tuple[str, BaseException]]:
    # Wait for all. Each storage raises the exceptions of its service, so any exception is caught.
    for path, future in work.items():
        if error := future.exception():
            yield path, error


def _save(storage: Storage, store: PublicStore, path: str) -> None:
    content = store.read(path)
    if content is None:  # deleted by another publisher in between
        return
    for name in _names(store, path):
        saved = storage.save(name, MirroredFile(path, content))
        if saved != name:  # a storage that never overwrites has used another name
            storage.delete(name)
            storage.save(name, MirroredFile(path, content))
            storage.delete(saved)


def _delete(storage: Storage, store: PublicStore, path: str) -> None:
    for name in _names(store, path):
        storage.delete(name)


def _names(store: PublicStore, path: str) -> list[str]:
    name = store.file(path).relative_to(store.root).as_posix()
    return [name, "index.html"] if path == links.home(settings.LANGUAGE_CODE) else [name]
