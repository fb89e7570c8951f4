"""HTML that is recognised as safe is what bleach would return, byte for byte; everything else goes through bleach."""

from html.entities import html5

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incidents import markup
from incidents.markup import complexity, dialect, safe_html
from tests.markup.test_complexity import REPORT
from tests.markup.test_markup import ATTACKS, PIECES, Inspector
from tests.support.markdown_shapes import shapes

LINK = '<a href="https://a.example" rel="noopener noreferrer nofollow">'


@pytest.mark.parametrize(
    "html",
    [
        '<a href="javascript:alert(1)" rel="noopener noreferrer nofollow">x</a>',
        '<a href="JavaScript:alert(1)" rel="noopener noreferrer nofollow">x</a>',
        '<a href="//evil.example" rel="noopener noreferrer nofollow">x</a>',
        '<a href="https://[evil" rel="noopener noreferrer nofollow">x</a>',
        '<a href="https&colon;//a.example" rel="noopener noreferrer nofollow">x</a>',
        '<a href="https://a.example&apos;" rel="noopener noreferrer nofollow">x</a>',
        '<a href="https://a.example/&" rel="noopener noreferrer nofollow">x</a>',
        '<a href="https://a.example">x</a>',
        '<a href="https://a.example" rel="nofollow">x</a>',
        '<a href="https://a.example" rel="noopener noreferrer nofollow" onclick="x">x</a>',
        '<a href="https://a.example" onclick="" rel="noopener noreferrer nofollow">x</a>',
        '<a href="https://a.example"rel="noopener noreferrer nofollow">x</a>',
        "<a href='https://a.example' rel='noopener noreferrer nofollow'>x</a>",
        "<a href=https://a.example rel=nofollow>x</a>",
        '<a rel="noopener noreferrer nofollow" href="https://a.example">x</a>',
        f"{LINK}<strong>{LINK}x</a></strong></a>",
        f"<p>{LINK}x</p></a>",
        "<a>x</a>",
        '<ol start="-1"><li>x</li></ol>',
        '<ol start="1234567890"><li>x</li></ol>',
        '<ol start="3" class="x"><li>x</li></ol>',
        '<ul start="3"><li>x</li></ul>',
        "<p>x",
        "x</p>",
        "</p>",
        "<p><p>x</p></p>",
        "<p><em>x</p></em>",
        "<p><ul><li>x</li></ul></p>",
        "<em><p>x</p></em>",
        "<li>x</li>",
        "<table>x</table>",
        "<table><tbody><tr><td>x</td></tr>x</tbody></table>",
        "<table><tr><td>x</td></tr></table>",
        "<pre>x<pre></pre></pre>",
        "<code><em>x</em></code>",
        "<h3><h4>x</h4></h3>",
        "<p/onload=alert(1)>x</p>",
        "<p onload=alert(1)>x</p>",
        '<p class="x">x</p>',
        "<p >x</p>",
        "<p>x</p >",
        "<P>x</P>",
        "<BR>",
        "<br />",
        "<br/>",
        "</br>",
        "<img>",
        '<img src="https://evil.example/x.png">',
        "<script>alert(1)</script>",
        "<style>x</style>",
        "<svg>x</svg>",
        "<!-- x -->",
        "<!DOCTYPE html>",
        "<![CDATA[x]]>",
        "<?php x ?>",
        "<",
        ">",
        "a < b",
        "a > b",
        "a & b",
        "&copy",
        "&nothing;",
        "&#x;",
        "&#;",
        "&#xZ;",
        "\x00",
        "x\x02y",
        "x\x0cy",
        "x\ry",
        "x\x7fy",
        "\ud800",
    ],
)
def test_html_in_any_other_form_goes_through_bleach(html: str) -> None:
    assert not safe_html.is_safe(html)
    assert not safe_html.is_safe(f"<p>a</p>\n{html}\n<p>b</p>")
    assert Inspector(safe_html.safe(html)).faults == []


TAGS = [f"<{end}{tag}>" for tag in sorted(safe_html.TAGS) for end in ("", "/")]
TOKENS = st.sampled_from(
    [*TAGS, LINK, "</a>", '<a rel="noopener noreferrer nofollow">', '<ol start="3">', "\n", " ", "x", "æ",
     "https://a.example", "&amp;", "&lt;", "&copy;", "&amp;copy;", "&#65;", "&#x41;", "&#0;", "&quot;", "'", '"',
     "\ufeff", "\x80", "\u2028", "👩",
     '<a href="MAILTO:a@b.example?a=1&amp;b=2&quot;" rel="noopener noreferrer nofollow">']
)  # fmt: skip


def _nested(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    # HTML in which each tag is closed, so that more of it is safe.
    tags = st.sampled_from([*sorted(safe_html.TAGS - {"br"}), "ul><li", "table><tbody><tr><td", "pre><code"])
    return st.tuples(tags, st.lists(inner, max_size=4)).map(
        lambda made: f"<{made[0]}>{''.join(made[1])}</{'></'.join(reversed(made[0].split('><')))}>"
    )


HTML = st.recursive(TOKENS | st.sampled_from(["x", "y\n", "<br>", f"{LINK}x</a>"]), _nested, max_leaves=12)


@settings(max_examples=400, deadline=None)
@given(st.lists(HTML, max_size=6).map("".join) | st.lists(TOKENS, max_size=12).map("".join))
def test_html_that_is_recognised_is_what_bleach_returns(html: str) -> None:
    if safe_html.is_safe(html):
        assert safe_html.sanitised(html) == html
    assert Inspector(safe_html.safe(html)).faults == []


ADDRESSES = st.lists(
    st.sampled_from(["https:", "http:", "mailto:", "HTTPS:", "javascript:", "data:", "//", "/", "a.example", "[", "]",
                     "@",
                     ":", "80", "?a=1", "&amp;", "&quot;", "#", "%", " ", "`", "'", "æ", "\u2100", "\xa0", "\\"])
).map("".join)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(ADDRESSES | st.text(max_size=30).map("https://{}".format))
def test_address_that_is_recognised_is_what_bleach_returns(address: str) -> None:
    html = f'<p><a href="{address}" rel="noopener noreferrer nofollow">x</a></p>'
    if safe_html.is_safe(html):
        assert safe_html.sanitised(html) == html
        assert address.lower().startswith(("https:", "http:", "mailto:"))


def test_each_character_and_name_of_a_character_is_kept_as_bleach_keeps_it() -> None:
    named = "".join(f"&{name}" for name in html5 if name.endswith(";"))
    typed = "".join(chr(code) for code in [*range(0x20, 0xD800), *range(0xE000, 0x30000, 7)])
    typed = markup.clean(typed.replace("<", "").replace(">", "").replace("&", ""))
    html = f"<p>{named}</p>\n<p>\t{typed}</p>"
    assert safe_html.is_safe(html)
    assert safe_html.sanitised(html) == html


SAMPLE = [text for _name, text in list(shapes(120))[::7]]


@pytest.mark.parametrize("texts", [SAMPLE, [*ATTACKS, REPORT, *(f"- {attack}\n\n> {attack}" for attack in ATTACKS)]])
def test_our_markdown_needs_no_sanitiser(texts: list[str]) -> None:
    for text in texts:
        if complexity.measure(markup.clean(text)).is_accepted:
            html = dialect.convert(markup.clean(text))
            assert safe_html.is_safe(html), text
            assert safe_html.sanitised(html) == html


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.lists(PIECES, max_size=40).map("".join), st.text(max_size=200)))
def test_any_markdown_needs_no_sanitiser(source: str) -> None:
    html = dialect.convert(markup.clean(source))
    assert safe_html.is_safe(html)
    assert safe_html.sanitised(html) == html
