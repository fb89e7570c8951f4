"""The sections of a postmortem survive being stored as one text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.sections import HEADINGS, SECTIONS, is_sectioned, join, split

BODIES = st.one_of(
    st.text(max_size=60),
    st.lists(
        st.sampled_from(["a", "- b", "", "### Cause", "## Other", "    code", "Timeline", "Cause:", "##", "\t"]),
        max_size=6,
    ).map("\n".join),
)
EVERYTHING = st.fixed_dictionaries(dict.fromkeys(SECTIONS, BODIES))
LANGUAGES = st.sampled_from(["da", "en"])
OURS = st.sampled_from([f"## {heading}" for headings in HEADINGS.values() for heading in headings])


@given(sections=EVERYTHING, language=LANGUAGES)
def test_sections_come_back_as_they_were(sections: dict[str, str], language: str) -> None:
    text = join(sections, language)
    assert split(text) == {name: body.strip() for name, body in sections.items()}
    assert is_sectioned(text) == any(body.strip() for body in sections.values())
    assert join(split(text), language) == text


@given(lines=st.lists(st.one_of(OURS, st.sampled_from(["a", "b", "", "## Other", "- c"])), max_size=12))
def test_nothing_of_any_text_is_lost_and_saving_it_again_changes_nothing(lines: list[str]) -> None:
    text = "\n".join(lines)
    bodies = split(text)
    kept = sorted(line for body in bodies.values() for line in body.split("\n") if line and not line.startswith("## "))
    assert kept == sorted(line for line in lines if line and not line.startswith("## "))
    stored = join(split(join(bodies, "da")), "da")
    assert join(split(stored), "da") == stored


def test_empty_sections_are_left_out() -> None:
    text = join({"happened": " Mail was slow. ", "timeline": "\n", "change": "More disks."}, "en")
    assert text == "## What happened\n\nMail was slow.\n\n## What we change\n\nMore disks."


@pytest.mark.parametrize("language", ["da", "en"])
def test_headings_are_read_in_either_language(language: str) -> None:
    assert split(join({"cause": "Disk."}, language))["cause"] == "Disk."


@pytest.mark.parametrize("text", ["No headings.", "Intro.\n\n## Cause\n\nDisk.", "## Something else\n\nDisk."])
def test_other_text_is_the_first_section_as_a_whole(text: str) -> None:
    assert split(text) == {"happened": text, "timeline": "", "cause": "", "change": ""}
    assert not is_sectioned(text)


def test_repeated_section_is_joined() -> None:
    assert split("## Cause\n\nA.\n\n## Årsag\nB.")["cause"] == "A.\n\nB."
