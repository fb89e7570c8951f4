"""Texts cut to what fits, between words if possible, and never within what is one character to a reader. Pure."""

import unicodedata
from collections.abc import Callable

# How far back a cut may move: to the end of a word, and out of a sequence that has no end.
_LONGEST_WORD, _LONGEST_SEQUENCE = 100, 30
_JOINER = "\u200d"


def shorten(text: str, fits: Callable[[str], bool]) -> str:
    """Return the text, or a beginning of it that fits. Whatever `fits` refuses, it must refuse with more after it."""
    if fits(text):
        return text
    low, high = 0, len(text)  # `low` characters fit or are none, `high` do not
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(text[:middle]) else (low, middle)
    return text[: _end_of_word(text, low)].rstrip()


def utf16_length(text: str) -> int:
    """Return the length in UTF-16 code units, as JavaScript and others count characters."""
    return len(text) + sum(char > "\uffff" for char in text)


def _end_of_word(text: str, length: int) -> int:
    # Return a length up to `length` that cuts no word, or at least no sequence.
    if text[length].isspace():
        return length
    for end in range(length, max(length - _LONGEST_WORD, 0), -1):
        if text[end - 1].isspace():
            return end
    for end in range(length, max(length - _LONGEST_SEQUENCE, 0), -1):
        if not _is_within_sequence(text, end):
            return end
    return length if length > _LONGEST_SEQUENCE else 0


def _is_within_sequence(text: str, end: int) -> bool:
    # Whether a cut at `end` would divide a character (a rough version of UAX 29).
    before, after = text[end - 1], text[end]
    if _JOINER in (before, after) or unicodedata.category(after).startswith("M"):
        return True
    if _is_regional(before) and _is_regional(after):  # two of them are a flag
        flags = text[:end]
        return (len(flags) - len(flags.rstrip("".join(map(chr, range(0x1F1E6, 0x1F200)))))) % 2 == 1
    is_modifier = "\U0001f3fb" <= after <= "\U0001f3ff" or "\U000e0020" <= after <= "\U000e007f"
    return is_modifier or "\u1160" <= after <= "\u11ff"  # vowels and finals of decomposed Korean


def _is_regional(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"
