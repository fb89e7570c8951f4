"""The file with the texts of an update is read strictly, and its template reads as empty."""

import pytest

from incidents.management.posting.text_file import TextFileError, Texts, parse, template, written
from incidents.text import Text

LANGUAGES = ["da", "en"]


def read(source: str, *, has_title: bool = True) -> Texts:
    return parse(source, LANGUAGES, has_title=has_title)


def refusal(source: str, *, has_title: bool = True) -> str:
    with pytest.raises(TextFileError) as caught:
        read(source, has_title=has_title)
    return str(caught.value)


def test_titles_and_texts_of_all_languages_are_read() -> None:
    danish = "; A comment\n[title da]\nMail er forsinket\n\n[text da]\n\nVi undersøger.\n\n# Mere\n; nej\n- en\n"
    source = f"{danish}[text en]\nHi\n"
    assert read(source) == Texts(Text(da="Mail er forsinket"), Text(da="Vi undersøger.\n\n# Mere\n- en", en="Hi"))


def test_the_template_is_read_as_no_text() -> None:
    for has_title in (True, False):
        source = template("An update.", {"da": "Dansk", "en": "English"}, has_title=has_title)
        assert not read(source, has_title=has_title)
        assert source.startswith("; An update.\n")
        assert ("[title da]" in source) == has_title


def test_what_is_written_is_read_again() -> None:
    texts = Texts(Text(da="Æble"), Text(da="To\n\nlinjer", en="One"))
    assert read(written(texts)) == texts


def test_line_ends_and_the_mark_of_other_systems_are_accepted() -> None:
    assert read("\ufeff[text en]\r\nOne\r\nTwo\r\n".replace("\r\n", "\n")).text == Text(en="One\nTwo")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("Hi\n[text da]\n", "line 1: this stands before the first heading. Begin with [title da]."),
        ("[text da]\nHej\n\n[text de]\nHallo\n", "line 4: there is no heading [text de] here, but [title da], "),
        ("[text da]\nHej\n[tekst en]\n", "line 3: there is no heading [tekst en] here"),
        ("[text da]\nHej\n[text da]\n", "line 3: [text da] is there twice."),
        ("[title da]\nMail\ner nede\n", "line 3: [title da] has a second line. A title is one line."),
    ],
)
def test_an_error_names_its_line(source: str, said: str) -> None:
    assert refusal(source).startswith(said)


def test_an_update_has_no_title() -> None:
    assert refusal("[title da]\nMail\n", has_title=False).startswith("line 1: there is no heading [title da] here")


def test_a_bracket_in_a_text_is_kept_after_a_space_or_in_a_line() -> None:
    assert read("[text en]\n [sic]\nSee [the page](https://example.com)").text["en"].startswith("[sic]\nSee [the page]")
