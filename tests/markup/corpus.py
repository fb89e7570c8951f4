"""Small Markdown texts with the HTML and plain text that readers of CommonMark and GitHub expect.

Each case of `corpus.txt` has a name, the Markdown, its HTML without `rel` and
without line breaks between blocks, and its plain text.
"""

import re
from pathlib import Path
from typing import NamedTuple

_CASE = re.compile(r"^@@ (.+)\n((?:(?!@@ ).*\n)*)@@ html\n((?:(?!@@ ).*\n)*)@@ text\n((?:(?!@@ ).*\n)*)", re.MULTILINE)
_BLOCK = r"</?(?:p|ul|ol|li|blockquote|h3|h4|table|thead|tbody|tr|th|td)(?: [^>]*)?>|</?pre>"


class Case(NamedTuple):
    name: str
    source: str
    html: str
    text: str


def cases() -> list[Case]:
    content = (Path(__file__).parent / "corpus.txt").read_text(encoding="utf-8")
    found = [Case(name, *(part.rstrip("\n") for part in parts)) for name, *parts in _CASE.findall(content)]
    assert len(found) == content.count("@@ html\n")
    return found


def on_one_line(html: str) -> str:
    """Return HTML without `rel` and without the line breaks around blocks; code keeps its lines."""
    html = html.replace(' rel="noopener noreferrer nofollow"', "")
    parts = re.split(r"(<pre>.*?</pre>)", html, flags=re.DOTALL)
    parts[::2] = [re.sub(rf"\s*({_BLOCK}|<br>)\s*", r"\1", part).strip("\n") for part in parts[::2]]
    return "".join(parts)
