"""How much of the CommonMark specification our Markdown follows; the share is in docs/markdown.md and must not fall."""

import re
from collections import Counter
from pathlib import Path

import pytest

from incidents import markup
from tests.markup.specification import Example, examples, seen

DOCS = Path(__file__).parents[2] / "docs/markdown.md"
EXAMPLES = list(examples())
LEAST = {
    "Tabs": 8,  # of 11
    "Backslash escapes": 9,  # of 12
    "Entity and numeric character references": 14,  # of 16
    "Precedence": 1,  # of 1
    "Thematic breaks": 19,  # of 19
    "ATX headings": 18,  # of 18
    "Setext headings": 26,  # of 27
    "Indented code blocks": 10,  # of 12
    "Fenced code blocks": 24,  # of 29
    "Link reference definitions": 21,  # of 26
    "Paragraphs": 8,  # of 8
    "Blank lines": 1,  # of 1
    "Block quotes": 24,  # of 25
    "List items": 46,  # of 48
    "Lists": 23,  # of 24
    "Inlines": 1,  # of 1
    "Code spans": 14,  # of 21
    "Emphasis and strong emphasis": 120,  # of 129
    "Links": 63,  # of 86
    "Images": 14,  # of 22
    "Autolinks": 8,  # of 19
    "Hard line breaks": 12,  # of 13
    "Soft line breaks": 2,  # of 2
    "Textual content": 3,  # of 3
}


def follows(example: Example) -> bool:
    return seen(markup.html(example.source)) == seen(example.html)


@pytest.fixture(scope="module")
def followed() -> Counter[str]:
    return Counter(example.section for example in EXAMPLES if follows(example))


def test_share_of_followed_examples_does_not_fall(followed: Counter[str]) -> None:
    fallen = {section: followed[section] for section, least in LEAST.items() if followed[section] < least}
    assert fallen == {}
    assert set(LEAST) == {example.section for example in EXAMPLES}


def test_share_of_followed_examples_is_documented(followed: Counter[str]) -> None:
    documented = re.search(r"(\d+) of (\d+) examples", " ".join(DOCS.read_text(encoding="utf-8").split()))
    assert documented is not None
    assert [int(number) for number in documented.groups()] == [followed.total(), len(EXAMPLES)]
