"""A mail server that sends anything at any stage, against the real worker and the ledger.

`FUZZ_EXAMPLES=2000 make test ARGS=tests/notifications/sender/test_hostile_mail_servers.py` tries more.
"""

import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from django.db import transaction
from django.test import override_settings
from django.utils import timezone
from hypothesis import HealthCheck, Phase, example, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st
from pytest_django import Settings

from harness.deliveries import deliver_due
from incidents.models import Delivery, Destination, Subscriber
from incidents.notifications.addressing import relay_name
from tests.factories import make_subscriber
from tests.notifications.helpers import announced
from tests.support.conversations import listening

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "60"))

pytestmark = pytest.mark.django_db

USUAL = {
    "GREETING": b"220 mx.example.dk ESMTP\r\n",
    "EHLO": b"250-mx.example.dk\r\n250-PIPELINING\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN\r\n",
    "AUTH": b"235 2.7.0 OK\r\n",
    "DATA": b"354 Go ahead\r\n",
    "DOT": b"250 2.0.0 Taken\r\n",
}
STAGES = ("GREETING", "EHLO", "HELO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "DOT", "RSET")


@dataclass(frozen=True)
class Said:
    """What the server sends, and whether it closes the connection then."""

    data: bytes
    closes: bool = False


# The first replies of each stage; then the usual ones.
Script = dict[str, list[Said]]

codes = st.sampled_from([200, 250, 251, 299, 334, 354, 421, 432, 450, 451, 452, 454, 503, 530, 535, 550, 552, 554, 599])
statuses = st.sampled_from(
    [b"", b"4.2.2 ", b"5.2.2 ", b"4.7.500 ", b"5.1.1 ", b"5.1.8 ", b"4.5.3 ", b"5.3.4 ", b"5.7.1 ", b"9.9.9 "]
)
texts = st.sampled_from(
    [b"No", b"Too many connections", b"\x00\x1b[2J", b"\xff\xfe", b"karen@a.example " * 60, b"x" * 2_000]
)
separators = st.sampled_from([b" ", b"-", b"", b"\t"])


def line(code: int, separator: bytes, status: bytes, text: bytes) -> bytes:
    return b"%d%b%b%b\r\n" % (code, separator, status, text)


# A reply; the connection stays open.
replies = st.builds(Said, st.builds(line, codes, st.just(b" "), statuses, texts))
# Lines that may not end a reply, and any bytes. Then the connection is closed, so that nothing waits for more.
noise = st.one_of(
    st.lists(st.builds(line, codes, separators, statuses, texts), max_size=5).map(b"".join),
    st.binary(max_size=60),
    st.sampled_from([b"250-Go on\r\n" * 8_000, b"x" * 80_000]),
)
anything = st.one_of(replies, st.builds(Said, noise, closes=st.just(value=True)))
scripts = st.dictionaries(st.sampled_from(STAGES), st.lists(anything, min_size=1, max_size=3), max_size=4)


@dataclass
class HostileServer:
    """Follows the script, and is a usual server after it."""

    script: Script = field(default_factory=dict)

    def talk(self, connection: socket.socket) -> None:
        if not self._say(connection, "GREETING"):
            return
        is_content = False
        with connection.makefile("rb") as received:
            for line in received:
                if is_content and line != b".\r\n":
                    continue
                stage = "DOT" if is_content else line.split(b" ")[0].strip().decode(errors="replace")
                if not (stays_open := self._say(connection, stage)):
                    return
                is_content = stage == "DATA" and stays_open.startswith(b"354")

    def _say(self, connection: socket.socket, stage: str) -> bytes:
        # Return what was said, or nothing if the connection has to be closed.
        waiting = self.script.get(stage)
        said = waiting.pop(0) if waiting else Said(USUAL.get(stage, b"250 OK\r\n"))
        connection.sendall(said.data)
        return b"" if said.closes else said.data


@pytest.fixture
def hostile(settings: Settings) -> Iterator[HostileServer]:
    server = HostileServer()
    settings.EMAIL_HOST, settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "127.0.0.1", "søren", "blåbær"
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_TIMEOUT, settings.EMAIL_CONNECTIONS = 20, 2
    for address in ("karen@a.example", "jens@a.example", "ida@b.example"):
        make_subscriber(address)
    announced()
    with listening(server.talk) as settings.EMAIL_PORT:
        yield server


@hypothesis(
    max_examples=EXAMPLES,
    phases=(Phase.explicit, Phase.generate),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(script=scripts, starttls=st.sampled_from([False, False, False, True]))
@example(script={}, starttls=False)
def test_every_delivery_ends_in_an_allowed_state_with_a_reason(
    hostile: HostileServer, script: Script, *, starttls: bool
) -> None:
    hostile.script = {stage: list(said) for stage, said in script.items()}
    # Not the fixture `settings`, which nests the changes of all examples.
    with override_settings(EMAIL_USE_TLS=starttls):
        undone(lambda: send_twice_and_check(is_hostile=bool(script) or starttls))


def test_wrong_password_fails_no_delivery(hostile: HostileServer) -> None:
    hostile.script = {"AUTH": [Said(b"535 5.7.8 Username and password not accepted\r\n")] * 9}
    deliver_due()
    assert Delivery.objects.waiting().count() == 3
    failing = Destination.objects.in_trouble().get()
    assert (failing.name, failing.reply_code) == (relay_name(), 535)


def undone(work: Callable[[], None]) -> None:
    """Do the work, and undo it in the database."""
    with transaction.atomic():
        work()
        transaction.set_rollback(True)


def send_twice_and_check(*, is_hostile: bool) -> None:
    for _attempt in range(2):
        deliver_due()
        check(is_hostile=is_hostile)
        Destination.objects.in_trouble().update(retry_at=timezone.now())
        Delivery.objects.waiting().update(next_attempt_at=timezone.now())


def check(*, is_hostile: bool) -> None:
    assert all(failing.reply_code or failing.reply for failing in Destination.objects.in_trouble())
    for row in Delivery.objects.select_related("subscriber"):
        assert row.state in ({"queued", "deferred", "uncertain", "failed", "sent"} if is_hostile else {"sent"})
        assert row.reply_code or row.reply or (row.state == "queued" and row.attempts == 0)
        assert row.reply.isprintable()
        assert (row.reply_code or 200) in range(200, 600)
        assert row.state != "sent" or row.reply_code in range(200, 300)
        is_suspended = row.subscriber.state == Subscriber.State.SUSPENDED
        assert is_suspended == bool(row.subscriber.suspended_because)
        assert not is_suspended or row.state == "failed"
