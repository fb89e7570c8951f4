"""Markdown as staff write it in a hurry is read as CommonMark and GitHub read it."""

import pytest

from incidents import markup
from tests.markup.corpus import Case, cases, on_one_line

CASES = cases()


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_text_is_shown_as_it_was_meant(case: Case) -> None:
    assert on_one_line(markup.html(case.source)) == case.html
    assert markup.plain(case.source) == case.text


def test_corpus_is_large_and_names_each_case_once() -> None:
    assert len(CASES) >= 150
    assert len({case.name for case in CASES}) == len({case.source for case in CASES}) == len(CASES)
