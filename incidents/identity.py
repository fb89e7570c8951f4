"""One identity of a mailbox, however its address is written. Pure: does not import Django.

Rows, limits and imports compare canonical addresses, which contain no letter that
Python's and PostgreSQL's rules of case treat differently.
"""

import unicodedata

from . import domains


def canonical(address: str) -> str:
    """Return the form of an email address that is the same for all its spellings; empty for an empty address.

    No mail host distinguishes case, so it is folded; other text than a valid address gets
    a form of its own.
    """
    if address.isascii():
        return address.lower()
    local, at, domain = address.rpartition("@")
    try:
        domain = domains.to_ascii(domain)
    except ValueError:
        domain = folded(domain)
    return f"{folded(local)}{at}{domain}"


def readable(address: str) -> str:
    """Return an email address for display, with its domain in U-labels where they cannot deceive; a URL unchanged."""
    local, at, domain = address.rpartition("@")
    return f"{local}{at}{domains.readable(domain)}" if at and "://" not in address else address


def folded(local: str) -> str:
    """Return text in NFC and lower case, except letters that fold to others; see `is_foldable`."""
    composed = unicodedata.normalize("NFC", local)
    lower = "".join(_fold(char) if is_foldable(char) else char for char in composed)
    return unicodedata.normalize("NFC", lower)  # “J̌” has no composed form, “ǰ” has one


def is_foldable(char: str) -> bool:
    """Whether a character of a local part has one lower and one upper case, and neither is another one's.

    Not so are `ı` and `ſ`, whose upper case is an ASCII letter, `İ` and `ß`, which become
    two letters, and characters that are a variant of another, such as U+212A (Kelvin) and `ﬁ`.
    """
    if char.isascii():
        return True
    fold = _fold(char)
    if unicodedata.category(char)[0] == "C":
        return False  # also letters that are newer than this Python, whose case PostgreSQL may know
    is_single = len(fold) == len(char.upper()) == 1 and not fold.isascii() and unicodedata.is_normalized("NFKC", fold)
    return is_single and _fold(fold) == fold and char in {fold, fold.upper(), "ς"}


def _fold(char: str) -> str:
    # By way of the upper case, because “Σ” has two lower ones, “σ” and “ς”.
    return char.upper().lower()
