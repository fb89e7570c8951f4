"""Malformed emails: whatever the bytes, reading raises nothing, and what is stored can be stored."""

import random

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from incidents.notifications.bounces import mail
from incidents.notifications.bounces.parsing import Other, parse
from incidents.notifications.bounces.recording import excerpt
from tests.notifications.bounces.helpers import NAMES, sample

# The same examples in each run.
QUICK = settings(
    max_examples=100, deadline=None, phases=[Phase.explicit, Phase.generate], database=None, derandomize=True
)
ODD = [
    b"\x00", b"\xff\xfe", b"\r", b"\n\n", b"\t", b": ", b"=?utf-8?b?////?=", b"=?x?q?=00?=", b"--", b'"', b"; charset=",
    b"charset=idna", b"charset=\"\x00\"", b"charset*0*=x''%00", b"base64", b"x-uuencode\n\nbegin 6 a\n#", b"550 9.9.9",
    b"message/delivery-status", b"multipart/digest", b"(((((", b"\xe2\x80\xae", b"\xed\xa0\x80",
]  # fmt: skip


def assert_is_read(raw: bytes) -> None:
    received = mail.read(raw)
    found = parse(received)
    assert isinstance(received.content_type, str)
    texts = [
        received.header("Subject"),
        *received.all_headers("To"),
        received.sender,
        excerpt(received.text, "karl@example.dk"),
    ]
    if not isinstance(found, Other):
        assert found.action in {"failed", "delayed"}
        assert len(found.status) <= 12
        assert len(found.reply.text) <= 500
        assert isinstance(found.is_temporary and found.is_policy and found.address_is_gone, bool)
        texts += [found.status, found.reply.text]
    for text in texts:
        text.encode()
        assert all(char.isprintable() for char in text.replace("\n", ""))


@QUICK
@given(st.binary(max_size=2000))
def test_any_bytes_are_read(raw: bytes) -> None:
    assert_is_read(raw)


@QUICK
@given(st.sampled_from(NAMES), st.integers(0, 2**32))
def test_any_mutation_of_a_report_is_read(name: str, seed: int) -> None:
    assert_is_read(mutated(sample(name), random.Random(seed)))


def mutated(raw: bytes, random: random.Random) -> bytes:
    lines = raw.split(b"\n")
    for _ in range(random.randint(1, 6)):
        at = random.randrange(len(lines))
        change = random.randrange(5)
        if change == 0:
            lines[at : at + random.randint(1, 4)] = []
            lines = lines or [b""]
        elif change == 1:
            lines.insert(at, random.choice(lines))
        elif change == 2:
            column = random.randint(0, len(lines[at]))
            lines[at] = lines[at][:column] + random.choice(ODD) + lines[at][column:]
        elif change == 3:
            lines[at] = bytes(byte ^ (1 << random.randrange(8)) for byte in lines[at])
        else:
            lines = lines[: at + 1]
    return b"\n".join(lines)


@pytest.mark.parametrize(
    "raw",
    [
        b"From: " + b"(" * 1500,
        b"From: =?utf-8?q?" + b"=28" * 600 + b"?=",
        b"Subject: =?\xe6tf-8?q?x?=",
        b"Subject: =?utf-8?b?a?=",
        b"Content-Type: text/plain; charset*" + b"9" * 5000 + b"*=x",
        b"Content-Type: multipart/mixed; boundary*" + b"9" * 5000 + b"=x",
        b"Content-Type: text/plain; charset*=a; charset*0*=b",
        b"Content-Type: multipart/mixed; boundary*=a; boundary*0*=b",
        b"Content-Type: text/plain; charset=\xe6tf-8",
        b"Content-Transfer-Encoding: base\xe664",
        b"To: \xe6 <bounces@status.example.com>",
    ],
    ids=[
        "brackets", "encoded-brackets", "charset-of-header", "base64", "digits-of-charset", "digits-of-boundary",
        "charset-twice", "boundary-twice", "charset", "encoding", "recipient",
    ],
)  # fmt: skip
def test_malformed_header_does_not_hide_the_email(raw: bytes) -> None:
    raw += b"\nX-Test: read\n\ntext"
    assert_is_read(raw)
    assert mail.read(raw).header("X-Test") == "read"


@pytest.mark.parametrize(
    "raw",
    [
        b"Content-Type: multipart/report; boundary=a\n\n"
        + b"--a\nContent-Type: multipart/mixed; boundary=a\n\n" * 9000,
        b"".join(
            b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (number, number) for number in range(3000)
        ),
        b"From: a@b\n\n" + b"<" * 500_000 + b"@" * 400_000,
        b"From: MAILER-DAEMON@b\n\n" + b"-" * 900_000,
        b"From: MAILER-DAEMON@b\n\n" + b"550 5.1." * 100_000,
        b"Subject: " + b"=?utf-8?q?" * 100_000 + b"\n\n",
        b"From: " + b"<" * 900_000 + b"\n\n",
        b"From: MAILER-DAEMON@b\nContent-Type: message/delivery-status\n\n" + b"Action: failed\n\n" * 60_000,
        b"A" * 3_000_000,
    ],
    ids=["nested", "nested-differently", "tags", "dashes", "codes", "words", "addresses", "blocks", "header"],
)
def test_huge_email_is_read_in_part(raw: bytes) -> None:
    assert_is_read(raw)


def test_email_with_the_field_of_a_report_twice_is_read() -> None:
    raw = sample("postfix").replace(b"Status: 5.1.1", b"Status: 5.1.1\nStatus: 4.0.0\nAction: \x00delayed\xff")
    assert_is_read(raw)
