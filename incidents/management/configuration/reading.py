"""Reads the file: strictly, with all faults at once."""

import tomllib

from .registry import SECTIONS
from .sections import PageFile


class Faulty(Exception):
    """The file cannot be applied. `faults` has one line for each fault, beginning with the path of the key."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def read(content: bytes) -> PageFile:
    """Return what a file says. Raises Faulty."""
    try:
        raw = tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise Faulty([f"The file is not in UTF-8: byte {error.start + 1} is wrong."]) from error
    except tomllib.TOMLDecodeError as error:
        raise Faulty([f"The file is not TOML: {error}"]) from error
    document = PageFile()
    names = [section.name for section in SECTIONS]
    document.faults += [
        f"{name}: There is no such section. There are: {', '.join(names)}." for name in raw if name not in names
    ]
    for section in SECTIONS:
        if section.name in raw:
            section.read(raw[section.name], document)
    for section in SECTIONS:
        section.check_together(document)
    if document.faults:
        raise Faulty(document.faults)
    return document
