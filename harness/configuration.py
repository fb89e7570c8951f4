"""The example configurations in deploy/, with the changes that an operator makes."""

import re
from collections.abc import Mapping
from pathlib import Path


def changed(file: Path, changes: Mapping[str, str]) -> str:
    """Return the text of a file with each regular expression replaced; each must occur in it."""
    text = file.read_text(encoding="utf-8")
    for wanted, new in changes.items():
        text, number = re.subn(wanted, new, text)
        assert number, f"{file.name} no longer contains {wanted}"
    return text
