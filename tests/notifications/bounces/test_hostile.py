"""`receive_bounce` takes anything from outside and ends with one of its exit codes: 0, 67 or 75.

`FUZZ_EXAMPLES=2000 make test ARGS=tests/notifications/bounces/test_hostile.py` tries more.
"""

import os
from collections.abc import Callable
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import transaction
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from incidents import links
from incidents.models import Bounce, Delivery
from incidents.notifications.bounces import mail
from incidents.subscriptions import returned_mail
from tests.factories import make_subscriber
from tests.notifications.helpers import announced

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "60"))
CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.eml"))
HEAD = b"Return-Path: <>\nFrom: MAILER-DAEMON@mx.example\n"

pytestmark = pytest.mark.django_db

Receive = Callable[..., int]


def nested(kind: bytes, depth: int) -> bytes:
    return b"".join(
        b'Content-Type: multipart/%b; boundary="b%d"\n\n--b%d\n' % (kind, number, number) for number in range(depth)
    )


HUGE = {
    "nothing": b"",
    "nul": b"\x00" * 5000,
    "no-headers": b"\n\njust a text",
    "one-line": b"x" * 2_000_000,
    "50-megabytes": HEAD + b"\n" + b"550 5.1.1 unknown\n" * 2_900_000,
    "nested": HEAD + nested(b"mixed", 3000),
    "nested-reports": HEAD + nested(b"report; report-type=delivery-status", 3000),
    "same-boundary": HEAD + b"Content-Type: multipart/mixed; boundary=a\n\n" + b"--a\n" * 200_000,
    "messages-in-messages": HEAD + b"Content-Type: message/rfc822\n\n" * 3000,
    "headers": HEAD + b"".join(b"X-%d: y\n" % number for number in range(60_000)) + b"\n",
    "same-headers": HEAD + b"Received: from a by b\n" * 40_000 + b"\n",
    "folded-header": HEAD + b"Subject: a\n" + b" folded\n" * 100_000 + b"\n",
    "comments": b"Return-Path: <>\nFrom: " + b"(" * 100_000 + b"a@b.example" + b")" * 100_000 + b"\n\n",
    "groups": b"From: " + b"a:" * 50_000 + b";\n\n",
    "quotes": b"From: " + b'"\\' * 50_000 + b"\n\n",
    "encoded-words": HEAD + b"Subject: " + b"=?utf-8?b?w6Y=?= " * 20_000 + b"\n\n",
    "parameters": HEAD + b"Content-Type: text/plain" + b"".join(b"; charset*%d=a" % n for n in range(9000)) + b"\n\n",
    "base64": HEAD + b"Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\n" + b"=A" * 400_000,
    "quoted-printable": HEAD + b"Content-Transfer-Encoding: quoted-printable\n\n" + b"=" * 900_000,
    "uuencode": HEAD + b"Content-Transfer-Encoding: x-uuencode\n\nbegin 666 a\n" + b"M" * 60_000 + b"\nend",
    "charset": HEAD + b"Content-Type: text/plain; charset=utf-16\n\n\xff\xfe" + b"\x00\xd8" * 300_000,
    "status-blocks": HEAD + b"Content-Type: message/delivery-status\n\n" + b"Action: failed\n\n" * 50_000,
    "status-digits": HEAD + b"Content-Type: message/delivery-status\n\nAction: failed\nStatus: " + b"5." * 90_000,
    "date": HEAD + b"Date: Mon, 01 Jan 2024 00:00:00 +99999999999999999\n\n",
    "token": b"To: bounces+" + b"9" * 5000 + b"-aaaa@status.example.dk\n\n",
    "recipients": b"To: " + b"bounces+1-a@status.example.dk, " * 30_000 + b"\n\n",
    "delivered-to": b"Delivered-To: bounces+1-aaaa@status.example.dk\n" * 30_000 + b"\n",
}  # fmt: skip


@pytest.fixture
def address() -> str:
    make_subscriber("karl@example.dk")
    announced()
    return f"bounces+{links.sign_bounce(Delivery.objects.get().pk)}@status.example.dk"


@pytest.fixture
def receive(monkeypatch: pytest.MonkeyPatch) -> Receive:
    for name in ("ORIGINAL_RECIPIENT", "RECIPIENT"):
        monkeypatch.delenv(name, raising=False)

    def run(raw: bytes, *address: str) -> int:
        with monkeypatch.context() as patch:
            patch.setattr("sys.stdin", TextIOWrapper(BytesIO(raw)))
            try:
                call_command("receive_bounce", *address)
            except SystemExit as end:
                return int(end.code or 0)
        return os.EX_OK

    return run


@pytest.mark.parametrize("name", HUGE)
def test_anything_ends_with_success_or_an_unknown_address(receive: Receive, address: str, name: str) -> None:
    assert receive(HUGE[name], address) == os.EX_OK
    assert receive(HUGE[name]) == os.EX_NOUSER
    assert receive(HUGE[name], "bounces+1-aaaa@status.example.dk") == os.EX_NOUSER
    assert Bounce.objects.count() <= 1


@pytest.mark.parametrize("path", CORPUS, ids=[path.stem for path in CORPUS])
def test_email_of_the_corpus_is_received(receive: Receive, address: str, path: Path) -> None:
    assert receive(path.read_bytes(), address) == os.EX_OK


@pytest.mark.parametrize(
    "recipient",
    [
        "bounces+" + "9" * 5000 + "-aaaa@status.example.dk",
        "bounces+" + "9" * 19 + "-aaaa@status.example.dk",
        "bounces+-@status.example.dk",
        "bounces+１-aaaa@status.example.dk",
        "bounces+1-\u017f\u212a@status.example.dk",
        "bounces+1-\udcff@status.example.dk",
        "+" * 100_000,
        "bounces+1-" + "a" * 100_000 + "@status.example.dk",
        "\x00",
    ],
)
def test_recipient_that_we_did_not_sign_is_unknown(receive: Receive, recipient: str) -> None:
    assert receive(b"Subject: x\n\n", recipient) == os.EX_NOUSER
    assert links.unsign_bounce(recipient.partition("+")[2].partition("@")[0]) is None


def test_signature_is_checked_before_the_email_is_parsed(receive: Receive, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[bytes] = []
    monkeypatch.setattr(mail, "read", parsed.append)
    assert receive(HUGE["nested"], "bounces+1-aaaa@status.example.dk") == os.EX_NOUSER
    assert receive(b"To: bounces+1-aaaa@status.example.dk\n" + HUGE["nested"]) == os.EX_NOUSER
    assert parsed == []


@pytest.mark.parametrize("error", [RecursionError, MemoryError, OverflowError, AttributeError])
def test_error_of_our_own_makes_the_mail_server_try_again(
    receive: Receive, address: str, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def fail(_mail: object) -> None:
        raise error

    monkeypatch.setattr(returned_mail, "parse", fail)
    assert receive(b"Subject: x\n\n", address) == os.EX_TEMPFAIL


# -- generated emails --------------------------------------------------------------------------

texts = st.one_of(
    st.binary(max_size=60),
    st.sampled_from([b"=?utf-8?q?=00?=", b"=?x?b?////?=", b"(" * 300, b'"\\', b"550 5.1.1 unknown", b"9" * 5000]),
)
names = st.sampled_from(
    b"From To Cc Subject Date Return-Path Content-Type Content-Transfer-Encoding Auto-Submitted Precedence "
    b"X-Failed-Recipients Delivered-To Message-ID MIME-Version".split()
)
types = st.sampled_from(
    b"text/plain text/html message/rfc822 message/delivery-status message/global-delivery-status message/partial "
    b"message/feedback-report message/disposition-notification text/rfc822-headers application/octet-stream".split()
)
charsets = st.sampled_from([b"utf-8", b"utf-16", b"utf-7", b"iso-2022-kr", b"idna", b"x", b"\xff", b'"\x00"', b"big5"])
encodings = st.sampled_from([b"base64", b"quoted-printable", b"x-uuencode", b"8bit", b"\x00", b"gzip"])
fields = st.sampled_from([b"Action: failed", b"Status: 5.1.1", b"Status: 9.9", b"Feedback-Type: abuse", b": "])
bodies = st.lists(st.one_of(texts, fields), max_size=8).map(b"\n".join)
leaves = st.builds(
    lambda kind, charset, encoding, body: b"Content-Type: %b; charset=%b\nContent-Transfer-Encoding: %b\n\n%b"
    % (kind, charset, encoding, body),
    types, charsets, encodings, bodies,
)  # fmt: skip
parts = st.recursive(
    leaves,
    lambda inner: st.builds(
        lambda parts, boundary, ends: (
            b'Content-Type: multipart/report; boundary="%b"\n\n' % boundary
            + b"".join(b"--%b\n%b\n" % (boundary, part) for part in parts)
            + (b"--%b--\n" % boundary if ends else b"")
        ),
        st.lists(inner, max_size=3),
        st.sampled_from([b"a", b"b", b"ab", b"", b"\xff"]),
        st.booleans(),
    ),
    max_leaves=6,
)
headers = st.lists(st.builds(lambda name, text: name + b": " + text + b"\n", names, texts), max_size=8).map(b"".join)
emails = st.builds(lambda *pieces: b"".join(pieces), st.sampled_from([b"", HEAD]), headers, parts)


def undone(work: Callable[[], int]) -> int:
    with transaction.atomic():
        code = work()
        transaction.set_rollback(True)
    return code


@hypothesis(
    max_examples=EXAMPLES,
    phases=(Phase.explicit, Phase.generate),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(raw=emails, line_ending=st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_any_generated_email_is_received(receive: Receive, address: str, raw: bytes, line_ending: bytes) -> None:
    raw = raw.replace(b"\n", line_ending)
    assert undone(lambda: receive(raw, address)) == os.EX_OK
    assert undone(lambda: receive(raw)) == os.EX_NOUSER
