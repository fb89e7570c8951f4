"""Inputs that are kept: those that failed once, and those that reach lines which no other input reaches.

One file per target, one input per line, with everything but printable ASCII escaped.
"""

from collections.abc import Iterable
from pathlib import Path

FOLDER = Path(__file__).parent / "corpus"
LONGEST_KEPT = 2_000  # bytes


def read(name: str) -> list[bytes]:
    file = FOLDER / f"{name}.txt"
    lines = file.read_text(encoding="ascii").splitlines() if file.exists() else []
    return [line.encode().decode("unicode_escape").encode("latin-1") for line in lines]


def add(name: str, inputs: Iterable[bytes], longest: float = LONGEST_KEPT) -> None:
    """Add inputs that are new and have at most `longest` bytes."""
    known = read(name)
    new = [made for made in dict.fromkeys(inputs) if made not in known and len(made) <= longest]
    if new:
        with (FOLDER / f"{name}.txt").open("a", encoding="ascii") as stream:
            stream.writelines(f"{made.decode('latin-1').encode('unicode_escape').decode()}\n" for made in new)
