"""Markdown on pages: tables scroll in named frames, headings fit the page, and feeds have neither."""

import pytest
from django.template import engines
from django.utils import translation

from incidents import markup
from incidents.text import Text
from incidents.wording import prose

TABLE = '| Tid | **Hændelse** & "følge" |\n|---|---|\n| 14.12 | Sikringen går |\n'
FRAME = '<div class="frame" role="group" tabindex="0" aria-label="{}"><table>'


def page(template: str, **context: object) -> str:
    return engines["django"].from_string(template).render(context)


@pytest.mark.parametrize(("reader", "note"), [("da", False), ("en", True)])
def test_table_scrolls_in_a_frame_named_in_the_language_of_the_text(reader: str, note: bool) -> None:
    with translation.override(reader):
        html = prose(Text(da=TABLE))
    assert FRAME.format("Tabel: Tid, Hændelse &amp; &quot;følge&quot;") in html
    assert "</table></div>" in html
    assert ('class="untranslated"' in html) is note


def test_table_of_a_foreign_text_is_named_in_its_language() -> None:
    with translation.override("da"):
        assert FRAME.format("Table: a, b") in prose(Text(en="| a | b |\n|-|-|\n| 1 | 2 |"))


def test_each_table_has_its_own_frame() -> None:
    html = markup.on_page("|a|b|\n|-|-|\n|1|2|\n\n> |c|d|\n> |-|-|\n> |3|4|", table="Table")
    assert html.count("<div") == html.count("</div>") == html.count("<table>") == 2
    assert FRAME.format("Table: a, b") in html
    assert FRAME.format("Table: c, d") in html


def test_table_of_a_quote_in_any_language_is_named_after_its_columns() -> None:
    assert FRAME.format("a, b") in page("{{ text|markdown }}", text="|a|b|\n|-|-|\n|1|2|")


@pytest.mark.parametrize("cell", ['" onfocus="x', "<b>", "' x", '[a](https://a.dk/"x)', '`"`', "&quot;", "**"])
def test_name_of_a_frame_is_one_attribute(cell: str) -> None:
    html = markup.on_page(f"| {cell} | b |\n|---|---|\n| 1 | 2 |", table='T"')
    label = html.split('aria-label="')[1].split('"')[0]
    assert "<" not in label
    assert html.startswith(FRAME.format(label))


def test_feeds_have_no_frames() -> None:
    html = page("{% prose text framed=False %}{{ quote|markdown:False }}", text=Text(da=TABLE), quote=TABLE)
    assert html.count("<table>") == 2
    assert "frame" not in html


@pytest.mark.parametrize(("level", "tags"), [(2, ["h2", "h3"]), (3, ["h3", "h4"]), (4, ["h4", "h5"])])
def test_headings_of_a_text_are_directly_below_the_heading_above_it(level: int, tags: list[str]) -> None:
    html = page("{% prose text level %}", text=Text(da="# A\n\n### B"), level=level)
    assert [f"<{tag}>" in html for tag in tags] == [True, True]
    assert html.index(f"<{tags[0]}>A") < html.index(f"<{tags[1]}>B")


def test_typed_heading_tags_stay_text() -> None:
    assert markup.on_page("# <h3>", level=2) == "<h2>&lt;h3&gt;</h2>"
