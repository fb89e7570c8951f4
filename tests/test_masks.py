"""Addresses as shown to users without permission to see them."""

import pytest

from incidents.masks import masked, without_addresses, without_hosts, without_recipient


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("karen@example.dk", "k…@example.dk"),
        ("k…@example.dk", "k…@example.dk"),
        ("https://user:pw@hooks.example.dk/T0/B1?x=1", "https://hooks.example.dk/…"),
        ("", ""),
    ],
)
def test_masked_address_is_recognisable(address: str, shown: str) -> None:
    assert masked(address) == shown


@pytest.mark.parametrize(
    ("address", "reply", "shown"),
    [
        ("karen@example.dk", "550 <Karen@EXAMPLE.dk> unknown", "550 <K…@EXAMPLE.dk> unknown"),
        ("karen@example.dk", "550 no user karen here", "550 no user k… here"),
        ("karen@example.dk", "550 forwarded to kh@else.example.", "550 forwarded to k…@else.example."),
        ("a@example.dk", "450 <a@example.dk> has a full box", "450 <a…@example.dk> has a full box"),
        ("https://hooks.example.dk/T0", "404 https://hooks.example.dk/T0", "404 https://hooks.example.dk/…"),
        ("", "550 see https://help.example/5.1.1", "550 see https://help.example/5.1.1"),
    ],
)
def test_addresses_in_a_reply_are_masked(address: str, reply: str, shown: str) -> None:
    assert without_addresses(reply, address) == shown


@pytest.mark.parametrize(
    ("reply", "shown"),
    [
        ("451 4.7.1 mx1.livets.dk: livets.dk is greylisted", "451 4.7.1 …: … is greylisted"),
        ("550 5.1.1 <k…@livets.dk> unknown.", "550 5.1.1 <k…@…> unknown."),
        ("xn--d1acpjx3f.xn--p1ai is busy", "… is busy"),
        ("Server busy, e.g. now", "Server busy, e.g. now"),
    ],
)
def test_hosts_in_a_reply_are_masked(reply: str, shown: str) -> None:
    assert without_hosts(reply) == shown


@pytest.mark.parametrize(
    ("reply", "address", "shown"),
    [
        ("4.7.1 <zed@solo.dk> greylisted zed at mx.Solo.dk", "zed@solo.dk", "4.7.1 <…> greylisted z… at …"),
        ("4.7.1 <z…@solo.dk>, not eva@other.dk", "zed@solo.dk", "4.7.1 <…>, not …"),
        ("4.4.1 mx1.provider.com is busy", "zed@solo.dk", "4.4.1 mx1.provider.com is busy"),
        ("hooks.solo.dk: connection refused", "https://hooks.solo.dk/secret", "…: connection refused"),
        ("consolo.dk is not solo.dk-a", "zed@solo.dk", "consolo.dk is not solo.dk-a"),
    ],
)
def test_neither_recipient_nor_domain_is_left_in_a_reply(reply: str, address: str, shown: str) -> None:
    assert without_recipient(reply, address) == shown
