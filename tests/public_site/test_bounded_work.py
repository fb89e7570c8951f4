"""What a client sends is read in linear time: ten times the length costs at most twelve times the steps."""

from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.forwarded import Address, client_address
from incidents.public_site import negotiation
from incidents.public_site.conditional import has_current_copy
from incidents.public_site.negotiation import encoding, language
from tests.public_site.sites import published, site
from tests.support.steps import steps
from tests.support.wsgi import ask

TRUSTED = ip_network("10.0.0.0/8")
LENGTHS = (100, 1_000, 6_000)


def is_trusted(address: Address | None) -> bool:
    return address is not None and address in TRUSTED


PARSERS: dict[str, Callable[[str], object]] = {
    "Accept-Language": lambda value: language(value, ("da", "en", "pt-br"), "da"),
    "Accept-Encoding": lambda value: encoding(value, ("br", "gzip")),
    "If-None-Match": lambda value: has_current_copy(value, None, '"0123"', 1_700_000_000),
    "If-Modified-Since": lambda value: has_current_copy(None, value, '"0123"', 1_700_000_000),
    "X-Forwarded-For": lambda value: client_address("10.0.0.1", value, "", is_trusted),
    "Forwarded": lambda value: client_address("10.0.0.1", "", value, is_trusted),
}
PIECES = (
    "a-", "a,", "da;q=0.1,", "a;", "*,", ",", "-", " ", "q=0.", '"a",', '"', 'W/"', "\\", "\t,", "1 ", "1:", ":",
    "10.0.0.2,", "10.0.0.2, ", "for=10.0.0.2,", "for=10.0.0.2;", 'for="', 'for="a,', "for=[::1],", "(", "(1)",
)  # fmt: skip


def assert_linear(parse: Callable[[str], object], piece: str) -> None:
    for length in LENGTHS:
        assert steps_of(parse, piece, 10 * length) <= 12 * steps_of(parse, piece, length)


def steps_of(parse: Callable[[str], object], piece: str, length: int) -> int:
    negotiation._language.cache_clear()
    negotiation._encoding.cache_clear()
    text = piece * (length // len(piece) + 1)
    return steps(lambda: parse(text))


@pytest.mark.parametrize("name", PARSERS)
@pytest.mark.parametrize("piece", PIECES)
def test_ten_times_the_length_costs_at_most_twelve_times_the_steps(name: str, piece: str) -> None:
    assert_linear(PARSERS[name], piece)


@pytest.mark.parametrize("name", PARSERS)
@given(piece=st.text(st.sampled_from('aZ09-,;=*"\\/:. \t()W[]'), min_size=1, max_size=8))
def test_any_repeated_text_is_read_in_linear_time(name: str, piece: str) -> None:
    assert_linear(PARSERS[name], piece)


@pytest.mark.parametrize("name", PARSERS)
@given(value=st.text(max_size=300))
def test_no_header_makes_a_parser_fail(name: str, value: str) -> None:
    PARSERS[name](value)


def test_published_page_is_served_whatever_the_headers_are(tmp_path: Path) -> None:
    page = site(published(tmp_path / "public").root)
    long = "a-" * 30_000
    headers = {name.replace("-", "_"): long for name in PARSERS} | {"Range": long, "Cookie": long}
    for path in ("/", "/da/"):
        assert ask(page, path, **headers).status == 200


def test_address_is_found_at_the_right_end_of_a_long_header() -> None:
    long = "198.51.100.1, " * 5_000
    assert str(client_address("10.0.0.1", f"{long}203.0.113.9, 10.0.0.2", "", is_trusted)) == "203.0.113.9"
    forwarded = "for=198.51.100.1, " * 5_000 + "for=203.0.113.9, for=10.0.0.2"
    assert str(client_address("10.0.0.1", "", forwarded, is_trusted)) == "203.0.113.9"


def test_cut_header_does_not_make_another_address() -> None:
    found = client_address("10.0.0.1", "10.0.0.234," * 500 + "10.0.0.234", "", is_trusted)
    assert str(found) == "10.0.0.234"
