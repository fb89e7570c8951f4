"""Compared with a second, slower implementation of the RFCs."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from incidents.public_site.conditional import has_current_copy
from incidents.public_site.negotiation import encoding, language

OFFERED = ("br", "gzip", "identity")
LANGUAGES = ("da", "en", "pt-br")

qualities = st.sampled_from(["", ";q=0", ";q=0.0", ";q=0.001", ";q=0.3", "; q=0.5", ";Q=0.9", ";q=1", ";q=1.000"])
codings = st.lists(st.tuples(st.sampled_from(["br", "gzip", "GZIP", "identity", "deflate", "zstd", "*"]), qualities))


def header(items: list[tuple[str, str]]) -> str:
    return ", ".join(name + quality for name, quality in items)


def weight(quality: str) -> float:
    return float(quality.replace(" ", "").lower().removeprefix(";q=") or 1)


def weights(items: list[tuple[str, str]]) -> dict[str, float]:
    """The last weight of a name counts."""
    return {name.lower(): weight(quality) for name, quality in items}


@given(codings)
@example([("identity", ";q=0"), ("*", ";q=0")])
def test_reader_gets_the_offered_encoding_that_they_weigh_highest(items: list[tuple[str, str]]) -> None:
    weighted = weights(items)
    chosen = encoding(header(items), OFFERED)

    def plainly(coding: str) -> float:
        default = weighted.get("*", 0.0005 if coding == "identity" else 0)
        return weighted.get(coding, default)

    best = max(plainly(coding) for coding in OFFERED)
    assert plainly(chosen) == best or (best == 0 and chosen == "identity")
    assert next(coding for coding in OFFERED if plainly(coding) == best) == chosen or best == 0


@given(st.text(max_size=600))
def test_any_text_is_accepted_as_accept_encoding(text: str) -> None:
    assert encoding(text, OFFERED) in OFFERED


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", "identity"),
        ("gzip, deflate, br, zstd", "br"),
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("br;q=0.2, gzip;q=0.8", "gzip"),
        ("*", "br"),
        ("*;q=0", "identity"),
        ("br;q=0, *", "gzip"),
        ("gzip;q=0.5, identity", "identity"),
        ("gzip;q=zero", "identity"),
        ("gzip;q=2", "identity"),
        ("gzip;level=9", "identity"),
    ],
)
def test_encodings_of_real_and_unusual_readers(accept: str, chosen: str) -> None:
    assert encoding(accept, OFFERED) == chosen


def test_uncompressed_body_is_sent_if_there_is_no_compressed_one() -> None:
    assert encoding("br", ("gzip", "identity")) == "identity"


tags = st.sampled_from(["da", "da-DK", "DA", "en", "en-GB", "en-US-x-twain", "pt", "pt-BR", "pt-PT", "de", "sv", "*"])


@given(st.lists(st.tuples(tags, qualities), max_size=6))
def test_reader_gets_the_language_they_weigh_highest(items: list[tuple[str, str]]) -> None:
    refused = {tag.lower() for tag, quality in items if weight(quality) == 0}
    wanted = sorted(((tag.lower(), weight(quality)) for tag, quality in items), key=lambda pair: -pair[1])
    possible = [code for code in LANGUAGES if code not in refused]

    def plainly() -> str:
        for tag, quality in wanted:
            for code in possible:
                if quality and (tag == code or tag.startswith(f"{code}-")):
                    return code
            if quality and tag == "pt" and "pt-br" in possible:
                return "pt-br"
            if quality and tag == "*" and possible:
                return possible[0]
        return "da"

    assert language(header(items), LANGUAGES, "da") == plainly()


@given(st.text(max_size=600))
def test_any_text_is_accepted_as_accept_language(text: str) -> None:
    assert language(text, LANGUAGES, "da") in LANGUAGES


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", "en"),
        ("da-DK,da;q=0.9,en;q=0.8", "da"),
        ("de-DE,de;q=0.9,da;q=0.2", "da"),
        ("de", "en"),
        ("pt-PT, pt;q=0.5", "pt-br"),
        ("en;q=0, *", "da"),
        ("da;q=0.5, en;q=0.50", "da"),
        ("da;q=oops, en;q=0.1", "en"),
    ],
)
def test_languages_of_real_and_unusual_readers(accept: str, chosen: str) -> None:
    assert language(accept, LANGUAGES, "en") == chosen


ETAG = '"abc-gzip"'
SECONDS = 1_697_043_600  # Wed, 11 Oct 2023 17:00:00 GMT


@pytest.mark.parametrize(
    ("none_match", "since", "current"),
    [
        (ETAG, None, True),
        (f"W/{ETAG}", None, True),
        (f'"x", W/{ETAG} ,"y,z"', None, True),
        ("*", None, True),
        (" * ", None, True),
        ('"abc"', None, False),
        ("abc-gzip", None, False),
        ("", None, False),
        (f'"a{ETAG}"', "Wed, 11 Oct 2023 17:00:00 GMT", False),
        ('"abc"', "Wed, 11 Oct 2023 17:00:00 GMT", False),
        (None, "Wed, 11 Oct 2023 17:00:00 GMT", True),
        (None, "Thu, 12 Oct 2023 17:00:00 GMT", True),
        (None, "Wednesday, 11-Oct-23 17:00:00 GMT", True),
        (None, "Wed Oct 11 17:00:00 2023", True),
        (None, "Wed, 11 Oct 2023 16:59:59 GMT", False),
        (None, "in a while", False),
        (None, "Wed, 11 Oct 99999 17:00:00 GMT", False),
        (None, None, False),
    ],
)
def test_copy_is_current_by_etag_or_else_by_date(none_match: str | None, since: str | None, current: bool) -> None:
    assert has_current_copy(none_match, since, ETAG, SECONDS) is current


@given(st.text(max_size=80), st.text(max_size=80))
def test_invalid_conditions_are_not_met(none_match: str, since: str) -> None:
    if none_match.strip() != "*":
        assert not has_current_copy(none_match, since, ETAG, SECONDS)
    assert isinstance(has_current_copy(None, since, ETAG, SECONDS), bool)
