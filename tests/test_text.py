import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.text import Passage, Text

TEXTS = st.dictionaries(st.sampled_from(["da", "en", "de"]), st.text(max_size=20))


def test_reader_gets_their_own_language() -> None:
    assert Text(da="Løst", en="Resolved").passage("en") == Passage("Resolved", "en", "en")


def test_reader_of_a_missing_language_gets_another_which_is_known() -> None:
    passage = Text(da="Løst").passage("en", order=("da", "en"))
    assert (passage.text, passage.language, passage.is_own) == ("Løst", "da", False)


def test_order_decides_the_other_language() -> None:
    text = Text(da="Løst", de="Gelöst")
    assert text.passage("en", order=("de", "da")).language == "de"
    assert text.passage("en", order=("da", "de")).language == "da"


def test_language_outside_the_order_is_used_last() -> None:
    assert Text(de="Gelöst").passage("en", order=("da", "en")) == Passage("Gelöst", "de", "en")


def test_empty_text_is_an_empty_passage_in_the_wanted_language() -> None:
    passage = Text().passage("en", order=("da",))
    assert passage == Passage("", "en", "en")
    assert not passage
    assert passage.is_own


def test_blank_translation_counts_as_missing() -> None:
    text = Text(da="Løst", en="  \n ")
    assert dict(text) == {"da": "Løst"}
    assert text.missing(["da", "en"]) == ["en"]


def test_surrounding_space_is_removed() -> None:
    assert Text(da="  Løst\n")["da"] == "Løst"


def test_empty_text_lacks_no_translation() -> None:
    assert Text().missing(["da", "en"]) == []


def test_text_equals_the_map_it_holds() -> None:
    assert Text(da="Løst") == {"da": "Løst"} == Text({"da": "Løst"})
    assert Text(da="Løst") != Text(da="Løst", en="Resolved")
    assert Text(da="Løst") != "Løst"


def test_equal_texts_have_the_same_hash() -> None:
    assert len({Text(da="a", en="b"), Text(en="b", da="a")}) == 1


def test_text_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        Text(da="Løst")["da"] = "Ikke løst"  # type: ignore[index]


def test_empty_text_is_false_and_passage_prints_as_its_text() -> None:
    assert not Text(da=" ")
    assert str(Text(da="Løst").passage("en")) == "Løst"


@given(TEXTS, st.sampled_from(["da", "en"]), st.permutations(["da", "en", "de"]))
def test_reader_gets_something_whenever_there_is_something(
    texts: dict[str, str], wanted: str, order: list[str]
) -> None:
    text = Text(texts)
    passage = text.passage(wanted, order)
    assert bool(passage) == bool(text)
    assert passage.is_own == (wanted in text or not text)
    assert passage.text == text.get(passage.language, "")
