"""Shortened texts fit, begin like the whole text, and divide nothing that a reader takes for one character."""

import unicodedata

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from incidents.shortening import shorten, utf16_length

quick = settings(max_examples=100, deadline=None, phases=[Phase.explicit, Phase.generate])


@pytest.mark.parametrize(
    ("text", "limit", "short"),
    [
        ("Webmail works again.", 20, "Webmail works again."),
        ("Webmail works again.", 19, "Webmail works"),
        ("Webmail works again.", 13, "Webmail works"),
        ("Webmail works again.", 3, "Web"),
        ("x" * 300, 250, "x" * 250),
        ("e\u0301" * 9, 5, "e\u0301" * 2),
        ("🇩🇰🇸🇪🇳🇴", 6, "🇩🇰"),
        ("👩\u200d👩\u200d👧 and", 7, ""),
        ("👩\u200d👩\u200d👧 and", 8, "👩\u200d👩\u200d👧"),
        ("👍🏽👍🏽", 6, "👍🏽"),
        ("\u0301" * 100, 50, "\u0301" * 50),
        ("", 0, ""),
    ],
)
def test_text_is_cut_between_words_or_characters(text: str, limit: int, short: str) -> None:
    assert shorten(text, lambda part: utf16_length(part) <= limit) == short


@quick
@given(
    st.text(st.sampled_from("ab \n🇩🇰👩\u200d\u0301&é") | st.characters(codec="utf-8"), max_size=200),
    st.integers(0, 250),
)
def test_what_is_left_fits_and_is_a_beginning(text: str, limit: int) -> None:
    short = shorten(text, lambda part: utf16_length(part) <= limit)
    assert utf16_length(short) <= limit
    assert text.startswith(short)
    if short != text:
        assert short == short.rstrip()


@quick
@given(st.text(st.sampled_from("aeå👍🏽"), max_size=60), st.integers(0, 100))
def test_accents_stay_with_their_letters(text: str, limit: int) -> None:
    decomposed = unicodedata.normalize("NFD", text)
    short = shorten(decomposed, lambda part: len(part) <= limit)
    rest = decomposed[len(short) :]
    assert not rest or not (unicodedata.combining(rest[0]) and short)
