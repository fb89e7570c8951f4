"""New inputs made of old ones: a small mutation fuzzer that keeps the inputs that reach new lines."""

import random
from collections.abc import Sequence

NUMBERS = (b"0", b"-1", b"1e999", b"9" * 20, b"9" * 5_000, b"0x10", "٣".encode(), b"2147483648", b"9223372036854775808")
ODD = (
    *(b"\x00", b"\r\n", b"\n\n", b"\r", b"\x1b[31m", b"\x7f", b"\x85", b"\xff\xfe", b"\xed\xa0\x80", b"\xc0\xaf", b"%"),
    *(b"%00", b"%0d%0a", b"%ff", b"%F0%9F%94%A5", b"+", b"&", b"=", b";", b",", b"-", b"a-", b'"', b"'", b"\\", b"/"),
    *("İıſK".encode(), "ß".encode(), "🔥".encode(), "\u202e".encode(), "\u200b".encode(), "e\u0301".encode()),
    *(b"../", b"//evil.example", b"<script>", b"{{", b"${", b"(" * 50, b"[" * 50, b">" * 50, b"q=0.5", b"*", b"@"),
)


class Mutator:
    """Makes inputs of at most `longest` bytes from `seeds`, kept inputs, and words that the target knows."""

    def __init__(self, seeds: Sequence[bytes], words: Sequence[bytes], longest: int, random: random.Random) -> None:
        self.inputs = list(dict.fromkeys(seeds))
        self._words, self._longest, self._random = (*words, *NUMBERS, *ODD), longest, random

    def next(self) -> bytes:
        made = self._random.choice(self.inputs)
        for _ in range(self._random.choice((1, 1, 2, 3, 5))):
            made = self._mutated(made)[: self._longest]
        return made

    def keep(self, made: bytes) -> None:
        self.inputs.append(made)

    def _mutated(self, old: bytes) -> bytes:
        begin, end = sorted(self._random.randrange(len(old) + 1) for _ in range(2))
        before, part, after = old[:begin], old[begin:end], old[end:]
        word = self._random.choice(self._words)
        return self._random.choice(
            (
                before + after,
                before + part * self._random.choice((2, 10, 300, 3_000)) + after,
                before + self._random.randbytes(self._random.randrange(1, 5)) + part + after,
                before + word + after,
                before + word * self._random.choice((1, 3, 100)) + part + after,
                before + part[::-1] + after,
                before + self._random.choice(self.inputs)[begin:],
            )
        )
