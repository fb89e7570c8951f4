"""Texts are bounded before they are stored: each accepted text of 20,000 characters renders within 50 ms.

Time is not measured here: it was, for these shapes, when the bounds were
chosen. The steps of Python code are counted instead.
"""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation
from hypothesis import given, settings
from hypothesis import strategies as st

from incidents import markup
from incidents.markup import complexity
from incidents.models import Incident, Update
from tests.support.markdown_shapes import LENGTH, longest, shapes

SHAPES = list(shapes())
# With 800 marks, the one of 826 shapes with the most calls needed 203,000.
MAX_CALLS = 300_000
REPORT = (
    "## Hvad skete der?\n\n"
    + "- **14.12** Sikringen i [skab 4](https://a.example/skab) går, og `mx1` svarer ikke.\n" * 55
    + "\n| Tid | Hændelse |\n|---|---|\n"
    + "| 14.12 | Sikringen går |\n" * 40
    + "\n```\n"
    + "Nov 26 14:12:01 mx1 smtpd[42]: <a_b@c> *** timeout | [x]\n" * 40
    + "```\n"
)


def is_accepted(text: str) -> bool:
    return complexity.measure(markup.clean(text)).is_accepted


def calls(work: Callable[[], object]) -> int:
    """Return how many functions are called, those in C too."""
    count = 0

    def observe(_frame: FrameType, event: str, _arg: Any) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    sys.setprofile(observe)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("part", range(0, 200, 50))
def test_no_shape_of_text_takes_many_steps(part: int) -> None:
    markup.html("Import what is imported late.")
    slow: dict[str, int] = {}
    for name, shape in SHAPES[part::200]:
        for text in (shape, longest(shape, is_accepted)):
            number = calls(lambda text=text: (markup.html(text), markup.plain(text)))  # type: ignore[misc]
            slow |= {name: number} if number > MAX_CALLS else {}
    assert slow == {}


@pytest.mark.parametrize(
    "text", ["- " * 480 + "x", "+ - * " * 55, "> " * 5_000, "| a | b |\n" * 1_500, "[a]: b\n" * 2_800, "*a*" * 6_000]
)
def test_text_beyond_the_bounds_is_refused_and_rendered_as_typed(text: str) -> None:
    for field in (Update._meta.get_field("text"), Incident._meta.get_field("root_cause")):
        with pytest.raises(ValidationError) as refusal:
            field.clean({"da": "Kort.", "en": text}, None)
        assert refusal.value.error_list[0].code in {"too_many_marks", "too_many_levels"}
    with pytest.raises(ValidationError, match=r"Markdown|lister"):
        Update._meta.get_field("quote").clean(text, None)
    assert markup.plain(text) == text.strip()
    assert "<p>" in markup.html(text)


def test_refusal_names_the_number_and_what_helps() -> None:
    with translation.override("da"), pytest.raises(ValidationError, match=r"højst 700.*```"):
        Incident._meta.get_field("root_cause").clean({"da": "*" * 3_500}, None)


def test_long_report_with_links_items_and_cells_is_accepted() -> None:
    text = REPORT[:LENGTH]
    assert len(text) > 7_500
    Incident._meta.get_field("root_cause").clean({"da": text, "en": text}, None)
    assert markup.html(text).count("<li>") == 55
    assert markup.html(text).count("<tr>") == 41


@pytest.mark.parametrize("item", ["-", "*", "+", "1."])
def test_large_postmortem_is_accepted(item: str) -> None:
    items = ["[skab 4](https://a.example/skab)", "**kl. 14.12**", "`mx1`"]
    text = "\n\n".join(
        [
            *["Sikringen i skab 4 gik, og strømmen var væk i en time." for _paragraph in range(30)],
            "\n".join(f"{item} Strømmen gik: {items[number % 3]} svarer ikke." for number in range(80)),
            "| Tid | Hændelse | Følge |\n|---|---|---|\n" + "| 14.12 | Sikringen går | Ingen mail |\n" * 40,
        ]
    )
    assert is_accepted(text)


@pytest.mark.parametrize("rows", ["a\n", "|\n", "| a |\n"])
def test_cells_that_a_row_leaves_out_are_counted(rows: str) -> None:
    head = "a|" * 100 + "\n" + "-|" * 100 + "\n"
    assert not is_accepted(head + rows * 20)
    assert not is_accepted(f"> {head}".replace("\n-", "\n> -") + f"> {rows}" * 20)
    assert is_accepted(head + rows * 3)


def test_log_in_a_code_block_is_not_counted() -> None:
    log = "Nov 26 14:12 mx1 [42]: *** <a_b@c>\n" * 500
    assert is_accepted(f"```\n{log}```\nSlut.")
    assert not is_accepted(f"```\n{log}")
    assert not is_accepted(f"```{{.x}}\na\n```\n{log}```\n")


@pytest.mark.parametrize("text", ["    " * 30 + "at Stack.trace(x)\n" * 50, "> > > svar\n" * 20, "- a\n  - b\n    - c"])
def test_ordinary_indentation_is_not_nesting(text: str) -> None:
    assert is_accepted(text)


PIECES = st.sampled_from(
    ["- ", "> ", "1. ", "    ", "*", "_", "`", "```\n", "~~~", "[", "](", "|", "\n", "\n\n", "a", "\\"]
)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(PIECES, st.integers(1, 400)), max_size=12), st.text(max_size=50))
def test_rendering_raises_no_error_whatever_the_text(parts: list[tuple[str, int]], end: str) -> None:
    text = ("".join(piece * times for piece, times in parts) + end)[:LENGTH]
    assert isinstance(markup.html(text), str)
    assert isinstance(markup.plain(text), str)
