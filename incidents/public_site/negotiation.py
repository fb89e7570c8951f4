"""Content negotiation: encodings, languages, and whether the reader's copy is current. Pure."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

IDENTITY = "identity"
# Longer headers are not cached, which bounds the memory of the cache.
_MAX_CACHED_LENGTH = 256

# No browser sends as much; the rest of a longer header is ignored.
_MAX_LENGTH = 1000
_MAX_ITEMS = 40
# A language range has eight characters per subtag and few subtags (RFC 4647 §2.1, RFC 5646 §4.4.1).
_MAX_NAME = 40

_LANG = re.compile(r"(?:^|&)lang=([^&]*)", re.IGNORECASE)
_QUALITY = re.compile(r"q\s*=\s*(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)", re.IGNORECASE)


def encoding(accept_encoding: str, offered: tuple[str, ...]) -> str:
    """Return the offered coding that the reader prefers, or `identity` if none is acceptable. RFC 9110 §12.5.3.

    `offered` is in the server's order of preference, which decides between equal weights.
    A reader that sends no header may be too old to decompress anything.
    """
    is_cached = len(accept_encoding) <= _MAX_CACHED_LENGTH
    return _encoding(accept_encoding, offered) if is_cached else _encoding.__wrapped__(accept_encoding, offered)


@lru_cache(maxsize=512)
def _encoding(accept_encoding: str, offered: tuple[str, ...]) -> str:
    weights = {"gzip" if name == "x-gzip" else name: weight for name, weight in _weighted(accept_encoding)}
    others = weights.get("*", 0.0)
    # Unless it is named, identity is acceptable after everything that is named.
    unnamed = {IDENTITY: weights.get("*", 0.0005)}
    wanted = {coding: weights.get(coding, unnamed.get(coding, others)) for coding in (*offered, IDENTITY)}
    best = max(wanted, key=wanted.__getitem__)
    return best if wanted[best] > 0 else IDENTITY


def language(accept_language: str, languages: tuple[str, ...], default: str) -> str:
    """Return the language for a reader: RFC 4647 lookup (`da-DK` matches `da`); `pt` also matches `pt-br`."""
    is_cached = len(accept_language) <= _MAX_CACHED_LENGTH
    choose = _language if is_cached else _language.__wrapped__
    return choose(accept_language, languages, default)


@lru_cache(maxsize=2048)
def _language(accept_language: str, languages: tuple[str, ...], default: str) -> str:
    weighted = list(_weighted(accept_language))
    refused = {name for name, weight in weighted if weight == 0}
    accepted = [code for code in (default, *languages) if code.lower() not in refused]
    for name, _weight in sorted((pair for pair in weighted if pair[1] > 0), key=lambda pair: -pair[1]):
        if found := next(_matches(name, accepted), None):
            return found
    return default


def language_of_query(query: str, languages: tuple[str, ...]) -> str:
    """Return the language that `?lang=` names, `en` also for `en-GB`; "" if there is none. The first `lang` counts."""
    is_cached = len(query) <= _MAX_CACHED_LENGTH
    return _language_of_query(query, languages) if is_cached else _language_of_query.__wrapped__(query, languages)


@lru_cache(maxsize=512)
def _language_of_query(query: str, languages: tuple[str, ...]) -> str:
    named = _LANG.search(query)
    wanted = named[1].lower() if named else ""
    return next((code for code in languages if wanted == code.lower() or wanted.startswith(f"{code.lower()}-")), "")


def _matches(wanted: str, codes: Sequence[str]) -> Iterator[str]:
    # Yield the codes that match a language range, the closest first.
    if wanted == "*":
        yield from codes
        return
    parts = wanted.split("-")
    for length in range(len(parts), 0, -1):
        prefix = "-".join(parts[:length])
        yield from (code for code in codes if code.lower() == prefix)
    yield from (code for code in codes if code.lower().startswith(f"{wanted}-"))


def _weighted(header: str) -> Iterator[tuple[str, float]]:
    # Yield `(name, weight)` of each valid item of an Accept-… header, names in lower case.
    if len(header) > _MAX_LENGTH:
        header = header[:_MAX_LENGTH].rpartition(",")[0]
    for item in header.split(",", _MAX_ITEMS)[:_MAX_ITEMS]:
        name, *parameters = (part.strip() for part in item.split(";"))
        weight = _weight(parameters)
        if 0 < len(name) <= _MAX_NAME and weight is not None:
            yield name.lower(), weight


def _weight(parameters: list[str]) -> float | None:
    # Return the `q` of RFC 9110 §12.4.2; 1 if there is none, None if it is invalid.
    if not parameters:
        return 1.0
    match = _QUALITY.fullmatch(parameters[0])
    return float(match[1]) if match and len(parameters) == 1 else None
