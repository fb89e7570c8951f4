"""Words that readers had to translate stay out of the tree; docs/architecture.md has the glossary."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = "benchmarks deploy docs harness incidents static statuspage templates tests tools".split()
SUFFIXES = {".py", ".html", ".txt", ".md", ".css", ".js", ".toml", ".conf", ""}
# Released notes, and this list itself.
EXCEPT = {"CHANGELOG.md", "LICENSE", "tests/test_language.py"}
WORDS = {
    "anew": "again",
    "meanwhile": "in the meantime, or nothing",
    r"mend(?:s|ed|ing)?": "repair, fix",
    "desk": "dispatcher",
    r"puts? off|put_off": "defer",
    "whoever": "the subject itself",
    r"stands? still": "is not running",
    r"on the wire": "in flight",
    "came back": "bounce, return",
    r"lets? go|letting go": "release",
    r"call(?:s|ed)? off": "cancel",
    "say what there is": "list, description",
    r"nobody is told|are told|is told|be told": "notify",
    r"telling subscribers": "notify",
    r"throws? away": "discard",
    r"the clock (?:does|finds|mends|publishes|asks|looks|beats)": "the scheduler",
    r"letters? of (?:our own accord|an announcement)": "message",
}


def text_files() -> list[str]:
    found = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*")] + list(ROOT.glob("*"))
    names = [path.relative_to(ROOT).as_posix() for path in found if path.is_file() and path.suffix in SUFFIXES]
    return [name for name in sorted(names) if not _is_exempt(name)]


def _is_exempt(name: str) -> bool:
    return name in EXCEPT or "/migrations/" in name or "__pycache__" in name or name.startswith("requirements")


@pytest.mark.parametrize("word", WORDS)
def test_word_is_not_used(word: str) -> None:
    pattern = re.compile(rf"\b(?:{word})\b", re.IGNORECASE)
    found = [
        f"{name}:{number}: {line.strip()[:100]}"
        for name in text_files()
        for number, line in enumerate((ROOT / name).read_text(encoding="utf-8", errors="ignore").splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == [], f"Write: {WORDS[word]}"
