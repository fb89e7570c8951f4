"""Every parser of input from strangers: how it is called, and which errors it promises."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.core.exceptions import ValidationError

from incidents import domains, forwarded, guard, identity, images, links, markup, responses, shortening
from incidents.links import Purpose
from incidents.notifications.bounces import mail, parsing
from incidents.notifications.channels import replies, reply_buffer
from incidents.notifications.channels.base import Reply
from incidents.notifications.channels.replies import Stage
from incidents.public_site import conditional, negotiation
from incidents.subscriptions import addresses

PIECE = 64  # bytes per read, so that parsers see input that ends anywhere
ETAG = '"0123456789abcdef0123456789abcdef"'
LANGUAGES = ("da", "en", "pt-br")
BOUNCE = b"""\
Return-Path: <>
From: Mail Delivery System <MAILER-DAEMON@mx.example.dk>
To: bounces+17-abcdefghijklmnop@status.example.dk
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Jeg kunne ikke aflevere din mail: K=C3=B8benhavn.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.dk

Final-Recipient: rfc822; anna@example.dk
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 No such user
--b
Content-Type: message/rfc822

Subject: hello
--b--
"""
COMPLAINT = BOUNCE.replace(b"delivery-status", b"feedback-report").replace(b"Action:", b"Feedback-Type: abuse\nX:")
MARKDOWN = """\
# Heading

9. oktober: [link](https://example.com "title") and **bold** `code` <b>x</b> https://example.com/(a)

- a
    - b

| a | b |
|---|---|
| 1 | 2 |

```
fence
```
> quote ![image](data:x) [a]

[a]: javascript:alert(1)
"""


@dataclass(frozen=True)
class Parser:
    """`number` inputs of at most `longest` bytes are tried in a usual run."""

    call: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    words: tuple[bytes, ...] = ()
    number: int = 200
    longest: int = 20_000


def _text(made: bytes) -> str:
    # As WSGI has it: one character per byte (PEP 3333).
    return made.decode("latin-1")


def _unicode(made: bytes) -> str:
    return made.decode("utf-8", "replace")


def _reader(made: bytes) -> Callable[[], bytes]:
    pieces: Iterator[bytes] = (made[begin : begin + PIECE] for begin in range(0, len(made), PIECE))
    return lambda: next(pieces, b"")


def _response(made: bytes) -> None:
    with contextlib.suppress(responses.InvalidResponse, ConnectionResetError):
        response = responses.read(_reader(made))
        assert 200 <= response.code <= 599
        assert response.retry_after is None or 0 <= response.retry_after < float("inf")


def _smtp_reply(made: bytes) -> None:
    buffer, receive = reply_buffer.ReplyBuffer(), _reader(made)
    with contextlib.suppress(reply_buffer.BrokenReply):
        while piece := receive():
            buffer.feed(piece)
            while lines := buffer.take():
                reply = reply_buffer.parse(lines)
                assert "\x00" not in reply.text
                _classify(reply)


def _classify(reply: Reply) -> None:
    for stage in Stage:
        with contextlib.suppress(StopIteration):
            replies.rule_for(stage, reply)


def _bounce(made: bytes) -> None:
    read = mail.read(made)
    found = parsing.parse(read)
    assert found
    assert "\x00" not in read.text


def _client_address(made: bytes) -> None:
    for peer, forwarded_for, other in (
        ("127.0.0.1", _text(made), ""),
        ("127.0.0.1", "", _text(made)),
        (_text(made), "", ""),
    ):
        forwarded.client_address(peer, forwarded_for, other, lambda address: str(address) == "127.0.0.1")


def _url(made: bytes) -> None:
    with contextlib.suppress(guard.BadUrl):
        target = guard.read_url(_unicode(made))
        assert guard.read_url(target.url) == target


def _domain(made: bytes) -> None:
    domains.readable(_unicode(made))
    with contextlib.suppress(ValueError):
        assert domains.to_ascii(_unicode(made)).isascii()


def _address(made: bytes) -> None:
    canonical = identity.canonical(_unicode(made))
    assert identity.canonical(canonical) == canonical
    identity.readable(_unicode(made))
    with contextlib.suppress(ValidationError):
        addresses.normalise(_unicode(made))


def _token(made: bytes) -> None:
    for purpose in Purpose:
        assert links.unsign(purpose, _text(made)) is None
    assert links.unsign_bounce(_text(made)) is None
    links.without_tokens(_unicode(made))


def _markdown(made: bytes) -> None:
    html = markup.html(_unicode(made))
    assert not {"<script", "javascript:", "<img"} & {html[at : at + 11].lower() for at in _tags(html)}
    markup.plain(_unicode(made))
    markup.one_line(_unicode(made))
    shortening.shorten(_unicode(made), lambda text: len(text) <= 100)


def _tags(html: str) -> Iterator[int]:
    at = html.find("<")
    while at >= 0:
        yield at
        at = html.find("<", at + 1)


PARSERS = {
    "accept_language": Parser(
        lambda made: negotiation.language(_text(made), LANGUAGES, "da"),
        (b"da-DK,da;q=0.9,en;q=0.8", b"*", b"pt;q=0.5,*;q=0.1", b"x-klingon, en-GB-oed;q=1.000"),
        (b"q=", b"da", b"en", b"pt-BR", b"-"),
    ),
    "accept_encoding": Parser(
        lambda made: negotiation.encoding(_text(made), ("br", "gzip")),
        (b"gzip, deflate, br", b"identity;q=0, *", b"*;q=0", b"x-gzip;q=0.123"),
        (b"br", b"gzip", b"identity", b"q="),
    ),
    "if_none_match": Parser(
        lambda made: conditional.has_current_copy(_text(made), None, ETAG, 1_700_000_000),
        (ETAG.encode(), b"W/" + ETAG.encode(), b'"a", "b"', b"*"),
        (b'"', b"W/", b", "),
    ),
    "if_modified_since": Parser(
        lambda made: conditional.has_current_copy(None, _text(made), ETAG, 1_700_000_000),
        (b"Wed, 11 Oct 2023 17:00:00 GMT", b"Wednesday, 11-Oct-23 17:00:00 GMT", b"Wed Oct 11 17:00:00 2023"),
        (b"GMT", b"+0000", b":", b"Oct"),
    ),
    "forwarded": Parser(
        _client_address,
        (
            b"203.0.113.5:4711, 127.0.0.1",
            b'for="[2001:db8::1]:80";proto=https, for=_hidden',
            b"unknown",
            b"fe80::1%eth0",
        ),
        (b"for=", b"by=", b"127.0.0.1", b"[::1]"),
    ),
    "http_response": Parser(
        _response,
        (
            b"HTTP/1.1 204 No Content\r\n\r\n",
            b"HTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 503 Busy\r\nRetry-After: 120\r\n\r\n",
            b"HTTP/1.0 429 Slow\nRetry-After: Mon, 01 Jan 2024 00:00:00 +99999999999999999\n\n",
            b"HTTP/1.1 503 Busy\r\nretry-after: 99999999999999999999:00:00\r\n\r\n",
        ),
        (b"Retry-After:", b"HTTP/1.1 ", b"\r\n\r\n", b"Mon, 01 Jan 2024 00:00:00 GMT"),
    ),
    "smtp_reply": Parser(
        _smtp_reply,
        (
            b"250 2.1.5 Ok\r\n",
            b"250-mx.example.dk\r\n250-PIPELINING\r\n250 8BITMIME\r\n",
            b"550 5.1.1 <a@b>: no such user\r\n",
            b"421 4.7.0 Try again later, closing connection\r\n",
        ),
        (b"452-4.2.2", b"554 5.7.1 ", b"\r\n", b"mailbox full", b"blocked spam policy"),
    ),
    "bounce": Parser(
        _bounce,
        (
            BOUNCE,
            COMPLAINT,
            b"",
            b"\n\n",
            b"Content-Type: message/rfc822\n\n" * 50,
            b"Subject: Autosvar\n\nJeg holder ferie.",
        ),
        (
            b"--b\n",
            b"Content-Type: ",
            b"charset=",
            b"message/rfc822",
            b"multipart/mixed; boundary=b",
            b"=?utf-8?q?=?=",
            b"base64",
        ),
        number=150,
    ),
    "webhook_url": Parser(
        _url,
        (
            b"https://hooks.example.com/services/T0/B0?key=1",
            "https://blåbær.dk/ø?a=å".encode(),
            b"https://[2001:db8::1]:8443/",
        ),
        (b"https://", b"http://", b"@", b"#", b":443", b"xn--", b"[::1]"),
    ),
    "domain": Parser(
        _domain,
        (b"example.dk", "blåbær.dk".encode(), b"xn--blbr-roah.dk", "faß.de".encode(), "аррӏе.com".encode()),
        (b"xn--", b".", "。".encode(), "\u200d".encode()),
        number=200,
        longest=2_000,
    ),
    "email_address": Parser(
        _address,
        (
            b"anna@example.dk",
            "Søren@BLÅBÆR.dk".encode(),
            "kım@example.dk".encode(),
            b'"a@b"@example.dk',
            b"<a@example.dk>",
        ),
        (b"@", b"+", "ǰ".encode(), "ς".encode(), "ﬁ".encode()),
        longest=2_000,
    ),
    "token": Parser(
        _token,
        (
            b"abc123:1~1r8ab~AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_AbCdE",
            b"17-abcdefghijklmnop",
            b"https://status.example.dk/da/x",
        ),
        (b"~", b"-", b"%7E", b"https://status.example.dk/"),
        number=100,
    ),
    "image": Parser(
        images.image_info,
        (
            b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x10\x00\x00\x00\x10\x08\x06\x00\x00\x00",
            b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xc0\x00\x11\x08\x00\x10\x00\x10\x03",
            b"RIFF\x24\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00\x0f\x00\x00\x0f\x00\x00",
            b"RIFF\x24\x00\x00\x00WEBPVP8L\x0a\x00\x00\x00\x2f\x0f\xc0\x03\x00",
            b"RIFF\x24\x00\x00\x00WEBPVP8 \x0a\x00\x00\x00\x00\x00\x00\x9d\x01\x2a\x10\x00\x10\x00",
        ),
        (b"\xff", b"\xff\xda", b"IEND", b"ICCP"),
    ),
    "markdown": Parser(
        _markdown,
        (
            MARKDOWN.encode(),
            b"- a\n  - b\n",
            b"[x](javascript:alert(1))",
            b"<img src=x onerror=alert(1)>",
            b"<drift@example.dk>",
        ),
        (b"- ", b"> ", b"|", b"```\n", b"**", b"[a]: ", b"](", b"\n\n", b"    ", b"&#0;", b"javascript:"),
        number=60,
        longest=4_000,
    ),
}
