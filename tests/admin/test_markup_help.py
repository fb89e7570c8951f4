"""The help on formatting shows what our Markdown really does."""

import re

import pytest
from django.utils import translation

from incidents import markup
from incidents.admin.markup_help import examples

MARKS = ("strong", "em", "ul", "ol", "blockquote", "code", "pre", "table")


@pytest.mark.parametrize("language", ["da", "en"])
def test_help_shows_each_form_that_readers_may_see(language: str) -> None:
    with translation.override(language):
        shown = "".join(html for _source, html in examples())
    assert [mark for mark in MARKS if f"<{mark}>" not in shown] == []


def test_examples_are_rendered_as_texts_are_but_add_no_heading_or_link_to_the_page() -> None:
    for source, shown in examples():
        words = re.sub("<[^>]*>", "", markup.html(source))
        assert re.sub("<[^>]*>", "", shown) == words
        assert not re.search("<(a|h[1-6])[ >]", shown)
