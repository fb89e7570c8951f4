"""Header text as encoded words (RFC 2047), folded; every decoder returns exactly the text that was encoded.

Python's own folding loses and doubles spaces, and writes empty encoded words. Pure.
"""

import base64
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

LINE = 76  # octets of a line with an encoded word; one encoded word has at most 75 (RFC 2047 §2)
_START_B, _START_Q, _END = "=?utf-8?b?", "=?utf-8?q?", "?="
# Longer ASCII words are encoded, because a line cannot be folded within them.
_LONGEST_PLAIN = 60
# The characters that Q leaves as they are even in a display name (RFC 2047 §5).
_SAFE = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!*+-/")
_PLAIN_WORD = re.compile(rf"[!-~]{{1,{_LONGEST_PLAIN}}}")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+( [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")


def unstructured(name: str, text: str) -> str:
    """Return a header of free text, such as Subject. ASCII words stay readable before and after other ones."""
    words = text.split(" ")
    # An empty word is a space too many, which relays change: it is encoded together with its neighbours.
    special = [
        number
        for number, word in enumerate(words)
        if not _is_plain(word) or "" in words[max(0, number - 1) : number + 2]
    ]
    if not special or not text:
        return _folded(name, words)
    first, after = special[0], special[-1] + 1
    return _folded(name, [*words[:first], _Encoded(" ".join(words[first:after])), *words[after:]])


def mailbox(name: str, display_name: str, address: str) -> str:
    """Return a header with one mailbox, such as From. The address must be in its wire format."""
    if len(display_name) <= _LONGEST_PLAIN and "=?" not in display_name and _ATOMS.fullmatch(display_name):
        phrase: list[str | _Encoded] = [*display_name.split(" ")]
    elif len(display_name) <= _LONGEST_PLAIN and all(map(_is_plain, display_name.split(" "))):
        escaped = re.sub(r'(["\\])', r"\\\1", display_name)
        phrase = [f'"{escaped}"']
    else:
        phrase = [_Encoded(display_name)] if display_name else []
    return _folded(name, [*phrase, f"<{address}>"])


@dataclass(frozen=True)
class _Encoded:
    # Text that needs encoding. Spaces between encoded words are ignored by decoders, so its spaces are encoded too.
    text: str

    def words(self, room: int) -> Iterator[str]:
        """Yield encoded words that fit into lines; `room` is what is left of the first line."""
        # Q is readable in the source and about as short for Latin letters; of others, B is half as long.
        as_q = sum(map(_size_in_q, self.text)) <= 2 * len(self.text.encode())
        word = _Word(as_q)
        for char in self.text:
            if not word.fits(char, room):
                if word.text:
                    yield word.encoded
                word, room = _Word(as_q), LINE - 1
            word.add(char)
        yield word.encoded


@dataclass
class _Word:
    # One encoded word, filled character by character, so that none is split between two words.
    as_q: bool
    text: str = ""
    size: int = 0

    def fits(self, char: str, room: int) -> bool:
        size = self.size + self._size(char)
        return len(_START_Q) + len(_END) + (size if self.as_q else -(-size // 3) * 4) <= room

    def add(self, char: str) -> None:
        self.text += char
        self.size += self._size(char)

    def _size(self, char: str) -> int:
        return _size_in_q(char) if self.as_q else len(char.encode())

    @property
    def encoded(self) -> str:
        if self.as_q:
            return _START_Q + "".join(map(_in_q, self.text.encode())) + _END
        return _START_B + base64.b64encode(self.text.encode()).decode() + _END


def _is_plain(word: str) -> bool:
    return _PLAIN_WORD.fullmatch(word) is not None and "=?" not in word


def _folded(name: str, words: Sequence[str | _Encoded]) -> str:
    lines = [f"{name}:"]
    for word in words:
        pieces = word.words(LINE - 1 - len(lines[-1])) if isinstance(word, _Encoded) else iter([word])
        for piece in pieces:
            if len(lines[-1]) + 1 + len(piece) <= LINE:
                lines[-1] += f" {piece}"
            else:
                lines.append(f" {piece}")
    return "\r\n".join(lines) + "\r\n"


@lru_cache(maxsize=1024)
def _size_in_q(char: str) -> int:
    return 1 if char == " " or (char.isascii() and ord(char) in _SAFE) else 3 * len(char.encode())


def _in_q(byte: int) -> str:
    return "_" if byte == 0x20 else chr(byte) if byte in _SAFE else f"={byte:02X}"
