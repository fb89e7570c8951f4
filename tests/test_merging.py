"""Three-way merges: what two people did to the same form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.merging import MergedValue, merge, merge_text

PARAGRAPHS = st.lists(st.sampled_from(["a", "b", "c", "d", "one\ntwo"]), max_size=6).map("\n\n".join)


@pytest.mark.parametrize(
    ("opened", "mine", "theirs", "merged"),
    [
        ("a\n\nb", "A\n\nb", "a\n\nB", "A\n\nB"),
        ("a\n\nb\n\nc", "a\n\nb\n\nc\n\nmine", "theirs\n\na\n\nb\n\nc", "theirs\n\na\n\nb\n\nc\n\nmine"),
        ("a\n\nb\n\nc", "b\n\nc", "a\n\nb\n\nC", "b\n\nC"),
        ("a\n\nb", "A\n\nb", "A\n\nB", "A\n\nB"),
        ("a\n\nb", "MINE\n\nb", "THEIRS\n\nb", None),
        ("a", "a\n\nmine", "a\n\ntheirs", None),
        ("a\n\nb", "b", "A\n\nb", None),
        ("", "mine", "theirs", None),
        ("investigating", "identified", "resolved", None),
    ],
)
def test_paragraphs_that_two_changed_are_merged_unless_they_are_the_same(
    opened: str, mine: str, theirs: str, merged: str | None
) -> None:
    assert merge_text(opened, mine, theirs) == merged


@given(PARAGRAPHS, PARAGRAPHS)
def test_change_of_one_side_is_the_result(opened: str, changed: str) -> None:
    assert merge_text(opened, changed, opened) == changed
    assert merge_text(opened, opened, changed) == changed
    assert merge_text(opened, changed, changed) == changed


@given(PARAGRAPHS, PARAGRAPHS, PARAGRAPHS)
def test_result_does_not_depend_on_who_saves_first(opened: str, mine: str, theirs: str) -> None:
    assert merge_text(opened, mine, theirs) == merge_text(opened, theirs, mine)


@given(PARAGRAPHS, PARAGRAPHS, PARAGRAPHS)
def test_merge_loses_no_paragraph_that_either_wrote(opened: str, mine: str, theirs: str) -> None:
    merged = merge_text(opened, mine, theirs)
    if merged is not None:
        before = set(opened.split("\n\n"))
        written = (set(mine.split("\n\n")) | set(theirs.split("\n\n"))) - before - {""}
        assert written <= set(merged.split("\n\n"))


def test_only_what_others_changed_and_the_form_has_not_is_a_difference() -> None:
    opened = {"mine": "1", "theirs": "1", "same": "1", "both": "1", "none": "1"}
    mine = {"mine": "2", "theirs": "1", "same": "2", "both": "2", "none": "1"}
    theirs = {"mine": "1", "theirs": "3", "same": "2", "both": "3", "none": "1"}
    assert merge(opened, mine, theirs) == [
        MergedValue("theirs", "1", "3", "1", "3", collides=False),
        MergedValue("both", "1", "3", "2", "2", collides=True),
    ]


def test_form_that_does_not_say_what_it_was_opened_on_collides_where_it_differs() -> None:
    differences = merge(dict.fromkeys("ab"), {"a": "1", "b": "1"}, {"a": "1", "b": "2"})
    assert differences == [MergedValue("b", None, "2", "1", "1", collides=True)]
