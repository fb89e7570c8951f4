"""Two texts, word by word."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.admin.differences import Part, differences, shortened


def marked(before: str, after: str) -> str:
    marks = {"same": "{}", "removed": "[-{}-]", "added": "[+{}+]"}
    return "".join(marks[part.kind].format(part.text) for part in differences(before, after))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("Mail is late.", "Mail is lost.", "Mail is [-late.-][+lost.+]"),
        ("Mail is late.", "Mail is late. Sorry.", "Mail is late. [+Sorry.+]"),
        ("One two\n\nThree", "One\n\nThree", "One[-two-]\n\nThree"),
        ("", "New", "[+New+]"),
        ("Old", "", "[-Old-]"),
        ("Same  words", "Same words ", "Same words "),
    ],
)
def test_words_that_changed_are_marked(before: str, after: str, expected: str) -> None:
    assert marked(before, after) == expected


@given(st.text("ab \n", max_size=60), st.text("ab \n", max_size=60))
def test_both_texts_are_shown_completely(before: str, after: str) -> None:
    parts = differences(before, after)
    assert "".join(one.text for one in parts if one.kind != "removed") == after
    words = "".join(one.text for one in parts if one.kind != "added").split()
    assert words == before.split() or "".join(words) == "".join(before.split())


def test_long_texts_that_differ_everywhere_are_exchanged_as_a_whole() -> None:
    before, after = "the a " * 2000, "a the " * 2000
    assert [part.kind for part in differences(before, after)] == ["removed", "added"]


def test_words_that_both_texts_repeat_often_do_not_make_the_comparison_slow() -> None:
    between = " ".join(f"a x{number}" for number in range(2500))
    # Each “a” would be a passage of its own, each found by going through half a million pairs: seven seconds.
    assert [part.kind for part in differences(f"s {between} e", "t " + "a " * 197 + "f")] == ["removed", "added"]


def test_a_text_of_many_words_that_was_rewritten_is_compared_word_by_word() -> None:
    before = [f"w{number}" for number in range(900)]
    after = [word if number % 3 else f"new{number}" for number, word in enumerate(before)]
    parts = differences(" ".join(before), " ".join(after))
    assert len(parts) > 500


def test_long_passages_that_stayed_the_same_are_shortened_around_the_change() -> None:
    words = " ".join(map(str, range(200)))
    parts = shortened(differences(f"{words} old {words} end", f"{words} new {words} end"))
    assert [part.kind for part in parts] == ["same", "removed", "added", "same"]
    assert parts[0] == Part("same", "… " + " ".join(map(str, range(188, 200))) + " ")
    assert parts[-1].text.startswith("0 1 2 ")
    assert "100" not in parts[-1].text
