"""Every spelling of an address is one mailbox, and no two mailboxes are one."""

import string
import unicodedata

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from incidents.identity import canonical, folded, is_foldable

DOTLESS, DOTTED, LONG_S, KELVIN = "\u0131", "\u0130", "\u017f", "\u212a"
LETTERS = st.text(
    st.characters(exclude_categories=["C"], exclude_characters="@") | st.sampled_from("iIıİſsSKkßẞσςΣéÉåÅµμ"),
    min_size=1,
    max_size=8,
)
DOMAINS = st.sampled_from(["example.dk", "Example.DK", "faß.de", "BLÅBÆR.dk", "ı"])
ADDRESSES = st.builds("{}@{}".format, LETTERS, DOMAINS)


@pytest.mark.parametrize(
    ("address", "identity"),
    [
        ("kim.nielsen@example.dk", "kim.nielsen@example.dk"),
        ("Kim.Nielsen@Example.DK", "kim.nielsen@example.dk"),
        ("kim@faß.de", "kim@xn--fa-hia.de"),
        ("kim@FASS.de", "kim@fass.de"),
        ("kim@XN--FA-HIA.de", "kim@xn--fa-hia.de"),
        ("SØREN@blåbærgrød.dk", "søren@xn--blbrgrd-fxak7p.dk"),
        ("so\u0308ren@example.dk", "sören@example.dk"),
        ("ΝΊΚΟΣ@example.gr", "νίκοσ@example.gr"),
        ("νίκος@example.gr", "νίκοσ@example.gr"),
        ("https://example.dk/Hook", "https://example.dk/hook"),
        ("", ""),
    ],
)
def test_spellings_have_one_canonical_form(address: str, identity: str) -> None:
    assert canonical(address) == identity


@pytest.mark.parametrize("letter", [DOTLESS, DOTTED, LONG_S, KELVIN, "ß", "ﬁ", "ａ", "\u212b", "ǆ", "ᲀ"])
def test_letter_that_folds_to_others_is_refused(letter: str) -> None:
    assert not is_foldable(letter)


@pytest.mark.parametrize("letter", [DOTLESS, DOTTED, LONG_S, "ß"])
def test_letter_that_folds_to_others_keeps_an_identity_of_its_own(letter: str) -> None:
    assert canonical(f"k{letter}m@example.dk").isascii() is False


@settings(max_examples=300, deadline=None)
@given(ADDRESSES)
def test_canonical_form_is_its_own(address: str) -> None:
    assert canonical(canonical(address)) == canonical(address)
    assert unicodedata.is_normalized("NFC", canonical(address))


@pytest.mark.django_db
def test_database_folds_no_two_canonical_forms_into_one() -> None:
    letters = [chr(code) for code in range(0x80, 0x30000) if not 0xD800 <= code < 0xE000]
    forms = sorted({folded(letter) for letter in [*letters, *string.printable] if is_foldable(letter)} - {"\0"})
    with connection.cursor() as cursor:
        for function in ("upper", "lower"):
            cursor.execute(f"SELECT array_agg(x) FROM unnest(%s::text[]) AS x GROUP BY {function}(x)", [forms])
            assert [same for (same,) in cursor.fetchall() if len(same) > 1] == []


@pytest.mark.django_db
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ADDRESSES, ADDRESSES)
def test_addresses_are_equal_in_the_database_as_in_python(one: str, other: str) -> None:
    if not all(map(is_foldable, (one + other).replace("@", ""))):
        return
    with connection.cursor() as cursor:
        pair = [canonical(one), canonical(other)]
        cursor.execute("SELECT lower(%s) = lower(%s), upper(%s) = upper(%s)", pair * 2)
        assert cursor.fetchone() == (pair[0] == pair[1],) * 2
