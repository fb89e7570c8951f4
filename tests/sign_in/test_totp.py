"""Codes of authenticator apps: the test vectors of RFC 6238, drift, and the address in the QR code."""

import base64
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from incidents.sign_in import totp

# RFC 6238, Appendix B, the rows of SHA-1.
SECRET = base64.b32encode(b"12345678901234567890").decode()
VECTORS = {
    59: "94287082",
    1111111109: "07081804",
    1111111111: "14050471",
    1234567890: "89005924",
    2000000000: "69279037",
    20000000000: "65353130",
}
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


@pytest.mark.parametrize("seconds", VECTORS)
def test_codes_are_those_of_the_rfc(seconds: int) -> None:
    now = datetime.fromtimestamp(seconds, UTC)
    assert totp.code_at(SECRET, totp.step_at(now), digits=8) == VECTORS[seconds]
    assert totp.matching_step(SECRET, VECTORS[seconds][2:], now) == seconds // 30


@pytest.mark.parametrize(("late", "is_right"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_clock_may_differ_by_one_step(late: int, is_right: bool) -> None:
    code = totp.code_at(SECRET, totp.step_at(NOW))
    found = totp.matching_step(SECRET, code, NOW + timedelta(seconds=30 * late))
    assert found == (totp.step_at(NOW) if is_right else None)


@pytest.mark.parametrize("code", ["", "12345", "æøå", "٠١٢٣٤٥", "1234567"])
def test_odd_code_is_wrong(code: str) -> None:
    assert totp.matching_step(SECRET, code, NOW) is None


def test_secret_is_new_each_time_and_has_160_bits() -> None:
    first, second = totp.new_secret(), totp.new_secret()
    assert first != second
    assert len(base64.b32decode(first)) == 20


def test_address_names_page_and_account() -> None:
    address = urlsplit(totp.address(SECRET, account="karen", issuer="Nordhost drift & status"))
    assert (address.scheme, address.netloc) == ("otpauth", "totp")
    assert address.path == "/Nordhost%20drift%20%26%20status%3Akaren"
    assert parse_qs(address.query) == {"secret": [SECRET], "issuer": ["Nordhost drift & status"]}


def test_secret_is_shown_in_groups_of_four() -> None:
    assert totp.in_groups("ABCDEFGHIJ") == "ABCD EFGH IJ"
