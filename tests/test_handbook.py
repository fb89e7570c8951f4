"""The staff handbook says in both languages what is on the screen."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from incidents.management import catalogues
from statuspage.local.paths import ROOT

HANDBOOK = Path(ROOT, "docs", "handbook")
CATALOGUE = Path(settings.BASE_DIR, "incidents/locale/da/LC_MESSAGES/django.po")
# A section fits on a screen, without its pictures.
LINES = 40
BYTES = 120_000


def test_labels_in_english_are_in_the_source(handbook: dict[str, str], labels: dict[str, set[str]]) -> None:
    assert _bold(handbook["en"]) - set(labels) == set()


def test_labels_in_danish_are_in_the_catalogue(handbook: dict[str, str], labels: dict[str, set[str]]) -> None:
    assert _bold(handbook["da"]) - set[str]().union(*labels.values()) == set()


def test_sections_name_the_same_labels_in_both_languages(handbook: dict[str, str], labels: dict[str, set[str]]) -> None:
    for english, danish in zip(_sections(handbook["en"]), _sections(handbook["da"]), strict=True):
        said = _bold(danish)
        assert {label for label in _bold(english) if not labels[label] & said} == set(), english[:40]
        assert said - set[str]().union(*(labels[label] for label in _bold(english))) == set(), danish[:40]


def test_each_section_fits_on_a_screen(handbook: dict[str, str]) -> None:
    sections = [section for text in handbook.values() for section in _sections(text)]
    assert [section.splitlines()[0] for section in sections if section.count("\n") > LINES] == []


def test_pictures_are_small_described_and_taken_in_each_language(handbook: dict[str, str]) -> None:
    pictures = {
        language: re.findall(r"!\[([^\]]+)\]\(([^)]+)-(\w+)\.png\)", text) for language, text in handbook.items()
    }
    assert [name for _alt, name, _ in pictures["en"]] == [name for _alt, name, _ in pictures["da"]]
    for language, found in pictures.items():
        assert 0 < len(found) <= 6
        for alt, name, shown in found:
            file = HANDBOOK / f"{name}-{shown}.png"
            assert shown == language
            assert len(alt) > 40, name
            assert file.stat().st_size < BYTES, file


def test_quotation_marks_are_those_of_the_language(handbook: dict[str, str]) -> None:
    assert set(re.findall("[»«]", handbook["en"])) == set()
    assert set(re.findall("[“”]", handbook["da"])) == set()


def test_links_within_the_handbook_lead_to_headings(handbook: dict[str, str]) -> None:
    for text in handbook.values():
        anchors = {
            re.sub(r"[^\w -]", "", head).lower().replace(" ", "-") for head in re.findall(r"^## (.+)$", text, re.M)
        }
        assert set(re.findall(r"\]\(#([^)]+)\)", text)) - anchors == set()


@pytest.fixture(scope="module")
def handbook() -> dict[str, str]:
    return {language: (HANDBOOK / f"{language}.md").read_text(encoding="utf-8") for language in ("en", "da")}


@pytest.fixture(scope="module")
def labels() -> dict[str, set[str]]:
    """Each string of the product, with its translations; names of models begin with a capital letter in lists."""
    found = dict[str, set[str]]()
    for english, danish in _pairs():
        for change in (str, _capitalized):
            found.setdefault(change(english), set()).add(change(danish))
    return found


def _pairs() -> Iterator[tuple[str, str]]:
    for message in catalogues.read(CATALOGUE, "da"):
        ids = message.id if isinstance(message.id, (list, tuple)) else (message.id,)
        strings = message.string if isinstance(message.string, (list, tuple)) else (message.string,)
        yield from zip(ids, map(str, strings), strict=True)


def _capitalized(text: str) -> str:
    return text[:1].upper() + text[1:]


def _bold(text: str) -> set[str]:
    found = re.findall(r"\*\*(.+?)\*\*", text, flags=re.DOTALL)
    return {" ".join(label.split()) for label in found} - {"bold", "fed"}


def _sections(text: str) -> list[str]:
    return re.split(r"^(?=## )", text, flags=re.MULTILINE)[1:]
