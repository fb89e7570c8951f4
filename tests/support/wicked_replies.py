"""Wicked replies of a mail server at every stage: each is what its name says, and the next message is sent."""

from tests.support.hostile_mail_server import STAGES, USUAL, Said, Script

ANY_STAGE = {
    "code-too-high": Said(b"999 No\r\n"),
    "code-zero": Said(b"000 No\r\n"),
    "code-600": Said(b"600 5.0.0 No\r\n"),
    "code-of-two-digits": Said(b"25 OK\r\n"),
    "code-of-four-digits": Said(b"2500 OK\r\n"),
    "code-negative": Said(b"-50 OK\r\n"),
    "code-in-wide-digits": Said("２５０ OK\r\n".encode()),
    "code-in-superscript": Said(b"2\xb250 OK\r\n"),
    "code-alone": Said(b"451\r\n"),
    "status-of-thousands": Said(b"451 4." + b"9" * 5_000 + b".1 No\r\n"),
    "status-contradicts": Said(b"450 5.1.1 No\r\n"),
    "unexpected-354": Said(b"354 Go ahead\r\n"),
    "unexpected-334": Said(b"334 \xff=\xff\r\n"),
    "unexpected-1yz": Said(b"150 Wait\r\n"),
    "line-without-end": Said(b"x" * 80_000, closes=True),
    "line-of-a-reply-without-end": Said(b"250 " + b"x" * 80_000, closes=True),
    "lines-without-end": Said(b"250-Go on\r\n" * 8_000, closes=True),
    "lines-with-two-codes": Said(b"250-Fine\r\n550 5.1.1 No\r\n"),
    "lines-with-an-empty-one": Said(b"451-No\r\n\r\n451 No\r\n"),
    "lines-that-stop": Said(b"451-No\r\n", closes=True),
    "separator-is-a-dot": Said(b"250.OK\r\n"),
    "empty-line": Said(b"\r\n"),
    "nul-in-the-code": Said(b"2\x0050 OK\r\n"),
    "nul-in-the-text": Said(b"451 4.3.0 \x00\x1b[2J\x00\r\n"),
    "bytes-over-127": Said(b"451 4.3.0 \xff\xfe\xed\xa0\x80\xc0\xaf\r\n"),
    "marks-of-direction": Said("451 4.3.0 \u202eoN\u2066\u2028\u0085\r\n".encode()),
    "lone-returns": Said(b"451 4.3.0 a\r550 b\r250 c\r\n"),
    "lone-newline": Said(b"451 4.3.0 No\n"),
    "two-replies": Said(b"451 4.3.0 No\r\n250 OK\r\n"),
    "three-replies": Said(b"250 OK\r\n550 5.1.1 No\r\n354 Go ahead\r\n"),
    "in-pieces": Said(b"451-4.3.0 No\r\n451 4.3.0 No\r\n", in_pieces=True),
    "cut-in-the-code": Said(b"45", closes=True),
    "cut-in-the-text": Said(b"451 4.3.0 N", closes=True),
    "closes": Said(b"", closes=True),
    "closing": Said(b"421 4.3.2 Closing\r\n"),
    "closing-and-closes": Said(b"421 4.3.2 Closing\r\n", closes=True),
    "http": Said(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", closes=True),
    "tls-alert": Said(b"\x15\x03\x01\x00\x02\x02\x28", closes=True),
}
SILENT = Said(b"")
# What the client has to be answered before it comes to a stage.
_BEFORE: dict[str, Script] = {
    "HELO": {"EHLO": [Said(b"502 5.5.1 EHLO is not known\r\n")]},
    "RSET": {"RCPT": [Said(b"450 4.2.1 Busy\r\n")]},
}


def _early(stage: str) -> Said:
    # The replies to this command and to those that the client has not sent yet.
    later = STAGES[STAGES.index(stage) :]
    return Said(b"".join(USUAL.get(one, b"250 OK\r\n") for one in later))


def script(stage: str, *replies: Said) -> Script:
    return {name: list(said) for name, said in _BEFORE.get(stage, {}).items()} | {stage: list(replies)}


def of_stage(stage: str) -> dict[str, Said]:
    """Return the replies that are tried at a stage, with their names."""
    return {**ANY_STAGE, "replies-before-the-command": _early(stage)}
