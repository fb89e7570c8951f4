"""Excerpts: one line of running text without Markdown's marks."""

import pytest

from incidents import markup
from incidents.markup.excerpts import running_text


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("Mail virker **normalt**.", "Mail virker normalt."),
        ("Sådan er det:\n\n- Mail kan sendes\n- Webmail er *nede*.", "Sådan er det: Mail kan sendes; Webmail er nede."),
        ("- one\n- two", "one; two"),
        ("1. first\n2. second", "first; second"),
        ("- one\n    - inner\n- two", "one inner; two"),
        ("### Årsag\n\nEn fejl.", "Årsag: En fejl."),
        ("> Quoted words\n\nOurs.", "Quoted words Ours."),
        ("See [the notice](https://example.net/1) now", "See the notice now"),
        ("https://example.net/?a=1&b=2", "https://example.net/?a=1&b=2"),
        ("| A | B |\n|---|---|\n| 1 | 2 |", "A, B; 1, 2"),
        ("```\n$ run\n```", "$ run"),
        ("1 < 2 & `a > b`", "1 < 2 & a > b"),
        ("one\ntwo", "one two"),
        ("", ""),
    ],
)
def test_text_is_on_one_line_without_marks(source: str, line: str) -> None:
    assert running_text(markup.html(source)) == line
