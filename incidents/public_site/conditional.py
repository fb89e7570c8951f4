"""Conditional requests: whether 304 Not Modified is the answer (RFC 9110 §13)."""

import re
from datetime import UTC
from email.utils import parsedate_to_datetime

# A list of a dozen entity tags, and the longest form of a date; the rest of a longer header is ignored.
_MAX_TAGS_LENGTH = 1000
_MAX_DATE_LENGTH = 64

_ETAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')


def has_current_copy(if_none_match: str | None, if_modified_since: str | None, etag: str, modified: int) -> bool:
    """Whether the reader's copy is current. `modified` is in seconds since 1970.

    If-None-Match compares weakly and overrides If-Modified-Since; an invalid
    date counts as absent. RFC 9110 §13.1.2, §13.1.3, §13.2.2.
    """
    if if_none_match is not None:
        return (
            if_none_match == etag
            or if_none_match.strip() == "*"
            or etag in _ETAG.findall(if_none_match, 0, _MAX_TAGS_LENGTH)
        )
    return if_modified_since is not None and modified <= _seconds(if_modified_since)


def _seconds(http_date: str) -> float:
    # Return seconds since 1970; minus infinity if invalid. All are UTC: the oldest format has no zone.
    if len(http_date) > _MAX_DATE_LENGTH:
        return float("-inf")
    try:
        return parsedate_to_datetime(http_date).replace(tzinfo=UTC).timestamp()
    except (ValueError, IndexError, OverflowError, OSError):
        return float("-inf")
