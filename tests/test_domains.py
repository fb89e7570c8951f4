"""Domains are written in IDNA 2008; a name that looks like another one is shown in Punycode."""

import pytest

from incidents import domains

APPLE, PAYPAL = "аррӏе", "pаypal"  # Cyrillic letters; one Cyrillic letter among Latin ones


@pytest.mark.parametrize(
    ("domain", "encoded"),
    [
        ("example.dk", "example.dk"),
        ("Example.DK", "example.dk"),
        ("faß.de", "xn--fa-hia.de"),
        ("FAẞ.de", "xn--fa-hia.de"),
        ("fass.de", "fass.de"),
        ("blåbærgrød.dk", "xn--blbrgrd-fxak7p.dk"),
        ("bla\u030abærgrød.dk", "xn--blbrgrd-fxak7p.dk"),
        ("XN--BLBRGRD-FXAK7P.dk", "xn--blbrgrd-fxak7p.dk"),
        ("ｅｘａｍｐｌｅ。dk", "example.dk"),
        ("βόλος.com", "xn--nxasmm1c.com"),  # a final sigma is a letter of its own
        ("my_host.example.dk", "my_host.example.dk"),
        ("r3---sn-4g5.example.dk", "r3---sn-4g5.example.dk"),
    ],
)
def test_domain_is_encoded_by_idna_2008(domain: str, encoded: str) -> None:
    assert domains.to_ascii(domain) == encoded
    assert domains.to_ascii(encoded) == encoded


@pytest.mark.parametrize(
    "domain",
    ["", ".", "a..dk", "💩.la", "xn--", "xn--a.dk", "xn--fa-hia-.de", "å" * 60 + ".dk", "a" * 64 + ".dk", "a." * 127],
)
def test_invalid_domain_is_refused(domain: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of idna or ours
        domains.to_ascii(domain)


@pytest.mark.parametrize(
    "domain",
    [
        "example.dk",
        "blåbærgrød.dk",
        "faß.de",
        "москва.com",
        "хор.рф",
        "ελλάδα.gr",
        "東京タワーtower.jp",
        "한국.kr",
        "שלום.il",
        "ไทย.th",
    ],
)
def test_domain_of_one_script_is_shown_decoded(domain: str) -> None:
    assert domains.readable(domains.to_ascii(domain)) == domain


@pytest.mark.parametrize("label", [APPLE, PAYPAL, "раураӏ", "microsοft", "gооgle", "tıme", "ɡoogle", "x\u0337y"])
def test_homograph_is_shown_as_its_a_label(label: str) -> None:
    encoded = domains.to_ascii(f"{label}.com")
    assert encoded.startswith("xn--")
    assert domains.readable(encoded) == encoded


def test_only_the_label_that_deceives_is_encoded() -> None:
    encoded = domains.to_ascii(f"blåbær.{APPLE}.dk")
    assert domains.readable(encoded) == f"blåbær.{domains.to_ascii(APPLE)}.dk"


@pytest.mark.parametrize("domain", ["", "xn--", "xn--a.dk", "example.dk"])
def test_invalid_name_is_shown_as_it_is(domain: str) -> None:
    assert domains.readable(domain) == domain
