"""No string is left in the wrong language: every one is translated, and says what the source says."""

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from django.conf import settings
from django.core.management import call_command
from django.utils import translation
from django.utils.translation import get_language_info, gettext, ngettext, pgettext

from incidents import labels
from incidents.management import catalogues
from incidents.status import ComponentStatus, Phase, RootCauseStatus
from incidents.wording import language_name, untranslated_note

DANISH = Path(settings.BASE_DIR) / "incidents/locale/da/LC_MESSAGES/django.po"


@pytest.fixture(scope="module")
def danish() -> list[Message]:
    return [message for message in catalogues.read(DANISH, "da") if message.id]


def test_every_string_of_the_product_is_translated_and_compiled() -> None:
    call_command("messages", "--check")


# PRODUCT.md: these are binding.
@pytest.mark.parametrize(
    ("state", "danish"),
    [
        *zip(
            [labels.PHASES[phase] for phase in Phase],
            "Undersøger|Problem identificeret|Afhjulpet|Løst|Efterrapport|Planlagt|I gang|Kontrolleres|Afsluttet|"
            "Aflyst".split("|"),
            strict=True,
        ),
        *zip(
            [labels.COMPONENT_STATUSES[status] for status in ComponentStatus],
            "I drift|Under vedligeholdelse|Nedsat ydeevne|Delvist nedbrud|Større nedbrud".split("|"),
            strict=True,
        ),
        *zip(
            [labels.ROOT_CAUSE_STATUSES[status] for status in RootCauseStatus],
            ["Ukendt", "Foreløbig", "Endelig"],
            strict=True,
        ),
    ],
)
def test_states_have_their_danish_names(state: object, danish: str) -> None:
    with translation.override("da"):
        assert str(state) == danish


@pytest.mark.parametrize(
    ("english", "danish"),
    [
        ("Incident", "Hændelse"),
        ("Impact", "Alvor"),
        ("Scope", "Omfang"),
        ("Root cause", "Årsag"),
        ("Workaround", "Midlertidig løsning"),
        ("Next steps", "Næste skridt"),
        ("Next update", "Næste opdatering"),
        ("Planned maintenance", "Planlagt vedligeholdelse"),
        ("History", "Historik"),
        ("Subscribe", "Abonner"),
        ("Unsubscribe", "Afmeld"),
        ("Affected systems", "Berørte systemer"),
        ("Status page", "Driftsstatus"),
        ("All systems are operational", "Alle systemer er i drift"),
    ],
)
def test_words_of_the_field_have_their_danish_names(english: str, danish: str) -> None:
    with translation.override("da"):
        assert gettext(english) == danish


def test_fallback_note_is_in_the_readers_language() -> None:
    with translation.override("da"):
        assert untranslated_note("da") == "Endnu ikke på dansk"
        assert untranslated_note("de") == "Endnu ikke på tysk"
    with translation.override("en"):
        assert untranslated_note("en") == "Not yet translated into English"


def test_danish_names_of_languages_are_small_within_a_sentence() -> None:
    with translation.override("da"):
        assert [language_name(code) for code in ("da", "en", "de")] == ["dansk", "engelsk", "tysk"]
    assert get_language_info("da")["name_local"] == "dansk"


def test_danish_counts_one_and_many() -> None:
    with translation.override("da"):
        assert [ngettext("%(count)d hour", "%(count)d hours", n) % {"count": n} for n in (0, 1, 2)] == [
            "0 timer",
            "1 time",
            "2 timer",
        ]


def test_same_english_word_has_its_danish_by_context() -> None:
    with translation.override("da"):
        assert pgettext("impact", "None") == "Ingen"
        assert pgettext("impact", "Major") == "Stor"


def test_danish_strings_keep_their_tags_and_addresses(danish: list[Message]) -> None:
    for message in danish:
        for original, translated in zip(catalogues.forms(message.id), catalogues.forms(message.string), strict=False):
            marks = r"</?\w+|https?://[^\s<\"]+"
            assert sorted(re.findall(marks, original)) == sorted(re.findall(marks, translated)), original


def test_danish_ends_its_sentences_as_the_source_does(danish: list[Message]) -> None:
    for message in danish:
        if message.context and "date" in message.context:
            continue
        for original, translated in zip(catalogues.forms(message.id), catalogues.forms(message.string), strict=False):
            assert ends(original) == ends(translated), f"{original} => {translated}"


def ends(text: str) -> str:
    found = re.search(r"[.:?!…]$", text)
    return found.group() if found else ""


# A slip of the eye between two languages; names that Danish has taken over are not here.
ENGLISH = re.compile(
    r"\b(the|and|with|this|that|not|update|updates|incident|page|subscriber|component|maintenance|"
    r"status page|draft|publish|subscribe|mails? will|please)\b"
)


def test_no_english_slips_into_danish(danish: list[Message]) -> None:
    slips = [
        translated
        for message in danish
        for translated in catalogues.forms(message.string)
        if ENGLISH.search(re.sub(r"%\(\w+\)[sd]|\{\w+\}|<[^>]*>", "", translated))
    ]
    assert slips == []


def test_danish_quotes_as_danes_do(danish: list[Message]) -> None:
    wrong = [
        text for message in danish for text in catalogues.forms(message.string) if re.search('[“”‘]|(?<!=)"(?!>)', text)
    ]
    assert [text for text in wrong if "href=" not in text] == []
