"""The HTML of `markup` as one line of running text, for excerpts and descriptions. Pure: does not import Django."""

import re
from html import unescape

_TOKEN = re.compile(r"""</?([a-z0-9]+)(?:[^">]|"[^"]*")*>|[^<]+""")
_BLOCKS = frozenset("p div br ul ol li blockquote pre table tr".split())
# What follows a text that ends without punctuation, where only a mark or the layout ended it.
_ENDS = {"</li>": ";", "</h3>": ":", "</h4>": ":", "</th>": ",", "</td>": ",", "</tr>": ";"}
_PUNCTUATION = tuple(".,:;!?…–-")


def running_text(html: str) -> str:
    """Return the text on one line, without marks of lists, quotes and tables and without addresses of links."""
    text = ""
    for token in _TOKEN.finditer(html):
        tag, whole = token[1], token[0]
        if tag is None:
            text += unescape(whole)
        elif whole in _ENDS:
            text = _ended(text, _ENDS[whole]) + " "
        elif tag in _BLOCKS:
            text += " "
    return " ".join(text.split()).removesuffix(";").removesuffix(":")


def _ended(text: str, mark: str) -> str:
    # Return the text so far with the mark, which replaces a weaker one: a row ends after its last cell.
    bare = text.rstrip()
    if mark == ";" and bare.endswith(","):
        return bare[:-1] + mark
    return bare + mark if bare and not bare.endswith(_PUNCTUATION) else bare
