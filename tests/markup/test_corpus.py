"""Markdown as staff write it in a hurry is read as CommonMark and GitHub read it."""

import pytest

from incidents import markup
from incidents.markup import dialect
from tests.markup.corpus import Case, cases, on_one_line

CASES = cases()


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_text_is_shown_as_it_was_meant(case: Case) -> None:
    assert on_one_line(markup.html(case.source)) == case.html
    assert markup.plain(case.source) == case.text


def test_corpus_is_large_and_names_each_case_once() -> None:
    assert len(CASES) >= 150
    assert len({case.name for case in CASES}) == len({case.source for case in CASES}) == len(CASES)


def test_html_of_a_text_does_not_depend_on_the_texts_before_it() -> None:
    texts = [case.source for case in cases()] + ["[a]: https://example.com\n\n*[a", "[" * 5_000, "**a _b", "[a]"]
    forward = {text: dialect.convert(text) for text in texts}
    backward = {text: dialect.convert(text) for text in reversed(texts)}
    assert forward == backward


def test_text_that_cannot_be_converted_leaves_nothing_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(dialect, "_keep_attributes", lambda _element: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            dialect.convert("**bold**")
    assert dialect.convert("**bold**") == "<p><strong>bold</strong></p>"
