"""A mail server that sends anything at any stage, against the real worker and the ledger.

`FUZZ_EXAMPLES=2000 make test ARGS=tests/notifications/sender/test_hostile_mail_servers.py` tries more.
"""

import os
from collections.abc import Callable, Iterator

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
from tests.support import wicked_replies
from tests.support.conversations import listening
from tests.support.hostile_mail_server import STAGES, HostileServer, Said, Script

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "60"))

pytestmark = pytest.mark.django_db

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
scripts = st.dictionaries(st.sampled_from(STAGES[:-1]), st.lists(anything, min_size=1, max_size=3), max_size=4)


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


@pytest.mark.parametrize("stage", STAGES)
def test_wicked_replies_of_a_stage_reach_the_ledger_as_reasons(hostile: HostileServer, stage: str) -> None:
    """A third of the corpus at each stage; tests/notifications/channels/test_wicked_replies.py has all of it."""
    Subscriber.objects.all().delete()
    for number in range(20):
        make_subscriber(f"reader{number}@{number}.example")
    announced()
    replies = list(wicked_replies.of_stage(stage).values())[STAGES.index(stage) % 3 :: 3]
    hostile.script = wicked_replies.script(stage, *replies)
    with override_settings(EMAIL_CONNECTIONS=10, EMAIL_USE_TLS=stage == "STARTTLS"):
        for _round in range(len(hostile.script[stage])):
            if not hostile.script[stage]:
                break
            deliver_due()
            check(is_hostile=True)
            retry_everything_now()
    hostile.script = {}
    deliver_due()
    check(is_hostile=True)
    # All messages but those of which nobody knows whether the server has them, or which it rejected for good.
    assert set(Delivery.objects.values_list("state", flat=True)) <= {"sent", "uncertain", "failed"}
    assert Delivery.objects.filter(state="sent").exists()


def undone(work: Callable[[], None]) -> None:
    """Do the work, and undo it in the database."""
    with transaction.atomic():
        work()
        transaction.set_rollback(True)


def send_twice_and_check(*, is_hostile: bool) -> None:
    for _attempt in range(2):
        deliver_due()
        check(is_hostile=is_hostile)
        retry_everything_now()


def retry_everything_now() -> None:
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
