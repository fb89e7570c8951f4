"""Why documents were not written: kept with the stale subjects, logged once per change.

A reason is one line, the same for every document and every try. What was said
before is read from the stale subjects, so several processes log a failure once.
"""

import errno
import logging
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum, auto
from typing import TypeGuard

logger = logging.getLogger(__name__)

MIRROR = "mirror: "  # begins the reason where the document is in the store, and not in its mirror
_NUMBER = re.compile(r"\[Errno (\d+)\]")
_NAMED = 3  # documents that a line in the log names


class Cause(Enum):
    """What staff are told of a reason."""

    NO_SPACE = auto()
    READ_ONLY = auto()
    FORBIDDEN = auto()
    NO_FOLDER = auto()
    STORE = auto()
    MIRROR = auto()
    DOCUMENT = auto()


_CAUSES = {
    errno.ENOSPC: Cause.NO_SPACE,
    errno.EDQUOT: Cause.NO_SPACE,
    errno.EROFS: Cause.READ_ONLY,
    errno.EACCES: Cause.FORBIDDEN,
    errno.EPERM: Cause.FORBIDDEN,
    errno.ENOTDIR: Cause.NO_FOLDER,
    errno.ENOENT: Cause.NO_FOLDER,
}


def reason_of(error: BaseException) -> str:
    """One line. Of an OSError without the file's name: that of a temporary file is another at every try."""
    name = type(error).__name__
    if is_of_store(error):
        return f"{name}: [Errno {error.errno}] {error.strerror}"
    return " ".join(f"{name}: {error}".split())


def is_of_store(error: BaseException) -> TypeGuard[OSError]:
    """Whether the operating system refused, so that a traceback says nothing more."""
    return isinstance(error, OSError) and error.errno is not None


def cause_of(reason: str) -> Cause:
    if reason.startswith(MIRROR):
        return Cause.MIRROR
    found = _NUMBER.search(reason)
    return _CAUSES.get(int(found[1]), Cause.STORE) if found else Cause.DOCUMENT


def text_of(failed: Mapping[str, str]) -> str:
    """Reasons by path as a stale subject keeps them, one line each."""
    return "\n".join(f"{path}: {reason}" for path, reason in failed.items())


def read(texts: Iterable[str]) -> dict[str, str]:
    """Reasons by path, from what stale subjects keep."""
    lines = (line.partition(": ") for text in texts for line in text.splitlines())
    return {path: reason for path, _colon, reason in lines}


def log_changes(before: Mapping[str, str], now: Mapping[str, str], traces: Mapping[str, str]) -> None:
    """Logs reasons that are new, each once with the documents it holds back, and that documents are published again."""
    known = {_sameness(path, reason) for path, reason in before.items()}
    news: dict[str, list[str]] = defaultdict(list)
    for path, reason in now.items():
        if _sameness(path, reason) not in known:
            news[reason].append(path)
    for reason, paths in news.items():
        trace = next((f"\n{traces[path]}" for path in paths if path in traces), "")
        logger.error("Not published: %s: %s%s", _named(paths), reason, trace.rstrip())
    published = [path for path in before if path not in now]
    if published:
        logger.info("Published after failing: %s", _named(published))


def _sameness(path: str, reason: str) -> tuple[str, ...]:
    """What the operating system or a mirror refuses is one fault; a document's own fault is its own."""
    if cause_of(reason) == Cause.MIRROR:
        return tuple(reason.split(":")[:2])  # a service's sentences may name the request
    return (path, reason.partition(":")[0]) if cause_of(reason) == Cause.DOCUMENT else (reason,)


def _named(paths: Sequence[str]) -> str:
    number = len(paths)
    more = f" and {number - _NAMED} more" if number > _NAMED else ""
    return f"{number} document{'s' if number > 1 else ''} ({', '.join(paths[:_NAMED])}{more})"
