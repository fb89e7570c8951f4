"""Repetitive Markdown: each construct many times, nested, unclosed and mixed, as long as a text may be."""

from collections.abc import Callable, Iterator
from itertools import product

LENGTH = 20_000

_PIECES = [
    "a", "æ ", "*", "**", "***", "_", "__", "*a", "**a", "_a", "*a_", "*a**", "**a*", "*a *", "a**b", "*a_b*c_", "*_",
    "[", "]", "![", "[a", "[a]", "[a](", "[a](b", "[a](b)", "[a](<b>)", "[a](b \"", "[a](b \"c\")", "[a][", "[a][b]",
    "[a]: b", "[a]: ", "[a]: <b>", "[a]: http://a.b 'c'", "![a](b)", "![a][b]", "[![a](b)](c)", "(", ")", "[[", "[(",
    "`", "``", "`a", "`a`", "``a`", "```", "~~~", "```\na", "```\na\n```", "~~~\na\n~~~", "```a", "    a", "\ta",
    "<", ">", "<a", "</a>", "<a>", "<!--", "<![CDATA[", "<?", "&", "&amp;", "&#", "&#x41;", "<http://a.b>", "<a@b.c>",
    "<a@", "http://a.b ", "http://", "https://a.b/", "https://a.b/c(", "www.a.b ", "www.", "www.a", "mailto:a@b.c ",
    "\\", "\\*", "\\\\", "\x02", "\x03", "\x02klzzwxh:0\x03", "\x02amp\x03", "a  ", "  ", " ",
    "- ", "- a", "+ - * ", "1. ", "1. a", "1) a", "1986. a", "> ", "> a", ">- ", "- > ", "1. > - ", "    - a", "* * *",
    "---", "===", "a\n---", "a\n===", "# ", "# a", "# a #", "#", "######", "-", "|", "| ", "|a", "a|b", "|-", "|a|b|",
    "|a|b|\n|-|-|", "|a|\n|-|\n|b|", "a|b\n-|-\nc|d", "`|", "\\|", ":-|", "--|", "-|", "**a** ", "*a* ", "_a_ ", "`a` ",
    "*[a]: b", "[^a]", "[^a]: b", "a\n: b", "!!! a", "{: a}", "{#a}", "\u202e", "👩\u200d💻", "🇩🇰", "a\u0301", "\u0301",
    "- [ ] a", "- [x] a", "1. [ ] a", "- ```\n  a\n  ```", "- a\n  - b", "- a\n    - b", "1. a\n   - b", "1. a\n3. b",
    "9. oktober", "1. a\n\n3. b", "- a\n\n  b", "> ```\n> a", "- > ```", "> a\nb", "- a\nb",
    "- | a |\n  |---|\n  | b |",
    "a\n|a|\n|-|", "|-|\n", "<https://a.b>", "<mailto:a@b.c>", "(a@b.c)", "a@b.c.d-e.", "a@b-", "a.a+", "https://a.b)",
    "https://a.b].", "\"https://a.b\"", "»https://a.b« ", "https://a.b!?", "\\!", "\\<", "a\\", "## a", "### a ###",
    "{", "}", "^", "~", "~~a~~", "==a==", ":a:", "'", "\"", "...", "--", "a@b.c ", "a.b ", "ttp://", "//",
]  # fmt: skip
_SEPARATORS = ["", " ", "\n", "\n\n", "\n    ", "  \n", "\n> ", "\n- ", "a"]
_NESTED_ITEMS = [
    "- a",
    "1. a",
    "> a",
    "* a",
    "a",
    "    a",
    "```",
    "| a |",
    "# a",
    "- [ ] a",
    "- ```",
    "1. - a",
    "9. a",
    "- | a |",
    "- a@b.c",
]
_STEPS = [1, 2, 3, 4]
_WRAPS = [("*", "*"), ("**", "**"), ("_", "_"), ("[", "](b)"), ("[", "]"), ("![", "](b)"), ("(", ")"), ("`", "`"),
          ("**_", "_**"), ("<", ">"), ("*a ", " a*"), ("**a *b ", "* c**")]  # fmt: skip


def shapes(length: int = LENGTH) -> Iterator[tuple[str, str]]:
    """Yield the name and text of each shape; a text has at most `length` characters."""
    for piece, separator in product(_PIECES, _SEPARATORS):
        unit = piece + separator
        yield f"repeated {unit!r}", (unit * (length // len(unit) + 1))[:length]
    for item, step in product(_NESTED_ITEMS, _STEPS):
        yield f"deeper by {step} {item!r}", _deeper(item, step, length)
    for begin, end in _WRAPS:
        times = (length - 1) // len(begin + end)
        yield f"nested {begin!r}{end!r}", begin * times + "a" + end * times
    yield from _tables(length)
    yield from _definitions(length)
    yield from _halves(length)


def _deeper(item: str, step: int, length: int) -> str:
    lines, total, depth = [], 0, 0
    while total + depth * step + len(item) < length:
        line = " " * (depth * step) + item
        lines.append(line)
        total, depth = total + len(line) + 1, depth + 1
    return "\n".join(lines)[:length]


def _tables(length: int) -> Iterator[tuple[str, str]]:
    for columns in (1, 2, 10, 100, 1_000, 3_000):
        head = "a|" * columns + "\n" + "-|" * columns + "\n"
        for row in ("a|" * columns, "|", "a", "`a`|" * columns, "*a*|" * columns):
            yield f"table of {columns} columns, rows {row[:6]!r}", (head + (row + "\n") * length)[:length]


def _definitions(length: int) -> Iterator[tuple[str, str]]:
    names = "".join(f"[a{number}]: http://b.c\n" for number in range(length // 12))
    uses = "".join(f"[a{number}] " for number in range(length // 6))
    yield "different definitions", names[:length]
    yield "definitions and uses", names[: length // 2] + "\n\n" + uses[: length // 2 - 2]


def _halves(length: int) -> Iterator[tuple[str, str]]:
    # One construct many times, then another: what the first begins, the second may end.
    for first, second in product(["[", "*", "**", "`", "``", "- ", "> ", "|", "<", "![", "_", "\\", "["], repeat=2):
        yield (
            f"half {first!r} half {second!r}",
            first * (length // 2 // len(first)) + second * (length // 2 // len(second)),
        )
    for mark in ("*", "**", "_", "`", "```", "~~~", "[", "<", "("):
        yield f"unclosed {mark!r}", mark + "a " * ((length - 3) // 2)


def longest(text: str, is_accepted: Callable[[str], bool], length: int = LENGTH) -> str:
    """Return the longest beginning of a text that is accepted with prose after it, and this prose."""

    def filled(size: int) -> str:
        return text[:size] + ("\n\n" + "Mail er langsom. " * (length // 17))[: length - size]

    low, high = 0, len(text) + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if is_accepted(filled(middle)) else (low, middle)
    return filled(low)
