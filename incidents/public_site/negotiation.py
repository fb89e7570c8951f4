"""Which representation a reader gets: encodings, languages, and whether their copy is still good. Pure."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import lru_cache

IDENTITY = "identity"
# A header longer than this is read each time, so that what is remembered stays small.
_MEMORABLE = 256

_QUALITY = re.compile(r"q\s*=\s*(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)", re.IGNORECASE)
_ETAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')


def encoding(accept_encoding: str, offered: tuple[str, ...]) -> str:
    """The offered coding that the reader likes best, `identity` where none of them is welcome. RFC 9110 §12.5.3.

    `offered` is in our order of preference, which decides between equal weights.
    Without the header a reader may be too old to unpack anything.
    """
    remembered = len(accept_encoding) <= _MEMORABLE
    return _encoding(accept_encoding, offered) if remembered else _encoding.__wrapped__(accept_encoding, offered)


@lru_cache(maxsize=512)
def _encoding(accept_encoding: str, offered: tuple[str, ...]) -> str:
    weights = {"gzip" if name == "x-gzip" else name: weight for name, weight in _weighted(accept_encoding)}
    others = weights.get("*", 0.0)
    # Where it is not named, identity is welcome still, after everything that is.
    unnamed = {IDENTITY: weights.get("*", 0.0005)}
    wanted = {coding: weights.get(coding, unnamed.get(coding, others)) for coding in (*offered, IDENTITY)}
    best = max(wanted, key=wanted.__getitem__)
    return best if wanted[best] > 0 else IDENTITY


def language(accept_language: str, languages: tuple[str, ...], default: str) -> str:
    """The language for a reader: RFC 4647 lookup (`da-DK` finds `da`), and `pt` finds `pt-br` where that is all."""
    remembered = len(accept_language) <= _MEMORABLE
    choose = _language if remembered else _language.__wrapped__
    return choose(accept_language, languages, default)


@lru_cache(maxsize=2048)
def _language(accept_language: str, languages: tuple[str, ...], default: str) -> str:
    weighted = list(_weighted(accept_language))
    refused = {name for name, weight in weighted if weight == 0}
    open_ = [code for code in (default, *languages) if code.lower() not in refused]
    for name, _weight in sorted((pair for pair in weighted if pair[1] > 0), key=lambda pair: -pair[1]):
        if found := next(_matches(name, open_), None):
            return found
    return default


def _matches(wanted: str, codes: Sequence[str]) -> Iterator[str]:
    """The codes that a language range means, the closest first."""
    if wanted == "*":
        yield from codes
        return
    parts = wanted.split("-")
    for length in range(len(parts), 0, -1):
        prefix = "-".join(parts[:length])
        yield from (code for code in codes if code.lower() == prefix)
    yield from (code for code in codes if code.lower().startswith(f"{wanted}-"))


def _weighted(header: str) -> Iterator[tuple[str, float]]:
    """`(name, weight)` of each readable item of an Accept-… header, names in lower case."""
    for item in header.split(","):
        name, *parameters = (part.strip() for part in item.split(";"))
        weight = _weight(parameters)
        if name and weight is not None:
            yield name.lower(), weight


def _weight(parameters: list[str]) -> float | None:
    """The `q` of RFC 9110 §12.4.2; 1 where there is none, None where it cannot be read."""
    if not parameters:
        return 1.0
    found = _QUALITY.fullmatch(parameters[0])
    return float(found[1]) if found and len(parameters) == 1 else None


def has_current_copy(if_none_match: str | None, if_modified_since: str | None, etag: str, modified: int) -> bool:
    """Whether the reader's copy is the one we would send. `modified` is in seconds since 1970.

    If-None-Match compares weakly and silences If-Modified-Since; a date that
    cannot be read counts as absent. RFC 9110 §13.1.2, §13.1.3, §13.2.2.
    """
    if if_none_match is not None:
        return if_none_match == etag or if_none_match.strip() == "*" or etag in _ETAG.findall(if_none_match)
    return if_modified_since is not None and modified <= _seconds(if_modified_since)


def _seconds(http_date: str) -> float:
    """Seconds since 1970; minus infinity for anything but a date. The oldest form has no zone: all are UTC."""
    try:
        return parsedate_to_datetime(http_date).replace(tzinfo=UTC).timestamp()
    except (ValueError, OverflowError, OSError):
        return float("-inf")
