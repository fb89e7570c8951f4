"""No input of a stranger makes a parser raise anything but the errors that it promises, or work without bound."""

import pytest

from .campaign import fuzz
from .parsers import PARSERS


@pytest.mark.parametrize("name", PARSERS)
def test_parser_survives_any_input(name: str) -> None:
    parser = PARSERS[name]
    fuzz(
        name,
        parser.call,
        seeds=parser.seeds,
        words=parser.words,
        number=parser.number,
        longest=parser.longest,
        share=1 / len(PARSERS),
    )
