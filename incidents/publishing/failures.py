"""Why documents were not written: stored with the stale subjects, logged once per change.

A reason is one line, the same for every document and every attempt. The previous
reasons are read from the stale subjects, so several processes log a failure once.
"""

import errno
import logging
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum, auto
from typing import TypeGuard

logger = logging.getLogger(__name__)

MIRROR = "mirror: "  # prefix of the reason if the document is in the store but not in the mirror
_ERRNO = re.compile(r"\[Errno (\d+)\]")
_MAX_NAMED = 3  # documents named in a log line


class Cause(Enum):
    """The kind of failure, for which staff get an explanation."""

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
    """Return one line. For an OSError it omits the name of the file: temporary files have another each time."""
    name = type(error).__name__
    if is_os_error(error):
        return f"{name}: [Errno {error.errno}] {error.strerror}"
    return " ".join(f"{name}: {error}".split())


def is_os_error(error: BaseException) -> TypeGuard[OSError]:
    """Whether the operating system reported the error, so that a traceback adds nothing."""
    return isinstance(error, OSError) and error.errno is not None


def cause_of(reason: str) -> Cause:
    if reason.startswith(MIRROR):
        return Cause.MIRROR
    match = _ERRNO.search(reason)
    return _CAUSES.get(int(match[1]), Cause.STORE) if match else Cause.DOCUMENT


def format_reasons(failed: Mapping[str, str]) -> str:
    """Return reasons by path as a stale subject stores them, one per line."""
    return "\n".join(f"{path}: {reason}" for path, reason in failed.items())


def parse_reasons(texts: Iterable[str]) -> dict[str, str]:
    """Return the reasons by path that stale subjects store; the inverse of `format_reasons`."""
    lines = (line.partition(": ") for text in texts for line in text.splitlines())
    return {path: reason for path, _colon, reason in lines}


def log_changes(before: Mapping[str, str], now: Mapping[str, str], traces: Mapping[str, str]) -> None:
    """Log each new reason once, with the documents that failed, and which documents are published again."""
    known = {_fault(path, reason) for path, reason in before.items()}
    new: dict[str, list[str]] = defaultdict(list)
    for path, reason in now.items():
        if _fault(path, reason) not in known:
            new[reason].append(path)
    for reason, paths in new.items():
        trace = next((f"\n{traces[path]}" for path in paths if path in traces), "")
        logger.error("Not published: %s: %s%s", _summary(paths), reason, trace.rstrip())
    published = [path for path in before if path not in now]
    if published:
        logger.info("Published after failing: %s", _summary(published))


def _fault(path: str, reason: str) -> tuple[str, ...]:
    # Return what identifies a fault: an error of the system or the mirror is one fault for all documents.
    if cause_of(reason) == Cause.MIRROR:
        return tuple(reason.split(":")[:2])  # the rest of a service's message may contain a request id
    return (path, reason.partition(":")[0]) if cause_of(reason) == Cause.DOCUMENT else (reason,)


def _summary(paths: Sequence[str]) -> str:
    number = len(paths)
    more = f" and {number - _MAX_NAMED} more" if number > _MAX_NAMED else ""
    return f"{number} document{'s' if number > 1 else ''} ({', '.join(paths[:_MAX_NAMED])}{more})"
