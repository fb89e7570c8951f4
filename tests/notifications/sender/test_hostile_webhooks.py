"""A webhook's server can answer what it likes: each post ends in an allowed state, with a reason and an attempt."""

import os
import re
from collections.abc import Iterator
from ipaddress import ip_network

import pytest
import time_machine
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st
from pytest_django import Settings

from incidents.models import Attempt, Delivery, Destination, Subscriber
from incidents.notifications import jobs
from tests.factories import make_page, make_subscriber
from tests.notifications.helpers import START, announced
from tests.support import wicked_answers
from tests.support.receiver import OK, Posted, Receiver

# Rounds of forty answers: `FUZZ_EXAMPLES=125` are 5,000.
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "4"))

pytestmark = pytest.mark.django_db

# Without a code, the reason is a sentence of ours.
ANSWERS = {
    b"\x00\x01 not http\r\n\r\n": None,
    b"HTTP/1.1 200 \x00\r\n\r\n": 200,
    b"HTTP/1.1 500 \x00\x1b[31m\xff\r\nX-\x00: \x00\r\n\r\n": 500,
    b"HTTP/1.1 500 \xed\xa0\x80\xf0\x9f\r\n\r\n": 500,
    b"HTTP/1.1 99 Low\r\n\r\n": None,
    b"HTTP/1.1 1000 High\r\n\r\n": None,
    b"HTTP/1.1 70000 Higher\r\n\r\n": None,
    b"HTTP/1.1 -5 Negative\r\n\r\n": None,
    b"HTTP/1.1 " + b"9" * 5_000 + b"\r\n\r\n": None,
    b"HTTP/1.1 503 Busy\r\nRetry-After: " + b"9" * 5_000 + b"\r\n\r\n": 503,
    b"HTTP/1.1 503 Busy\r\nRetry-After: Fri, 31 Dec 9999 23:59:59 GMT\r\n\r\n": 503,
    b"HTTP/1.1 503 Busy\r\nRetry-After: \x00\r\n\r\n": 503,
    b"HTTP/1.1 103 Hints\r\n\r\n" * 9_000: None,
    b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 9_000: None,
    b"HTTP/1.1 200 OK\r\n": None,
    b"220 mail.example ESMTP\r\n": None,
    b"": None,
    b"\r\n\r\n": None,
    b"\xff" * 100_000: None,
}


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    settings.WEBHOOK_NETWORKS = [ip_network("127.0.0.0/8")]
    make_page()
    with time_machine.travel(START, tick=False), Receiver() as running:
        yield running


def post_to_all(receiver: Receiver, answers: list[bytes]) -> list[tuple[bytes, Attempt, Delivery]]:
    """Announce an update to one new webhook per answer; return each answer, and what was recorded."""
    Subscriber.objects.all().delete()
    fields = {"channel": "webhook", "owner": "drift@example.dk"}
    webhooks = [make_subscriber(f"{receiver.url}&n={number}", **fields).pk for number in range(len(answers))]

    def answer(posted: Posted) -> bytes:
        return answers[int(re.findall("&n=([0-9]+)", posted.line)[0])]

    receiver.says = answer
    announcement = announced()
    jobs.post()
    deliveries = {delivery.subscriber_id: delivery for delivery in Delivery.objects.filter(announcement=announcement)}
    attempts = {attempt.subscriber_id: attempt for attempt in Attempt.objects.filter(subscriber__in=webhooks)}
    return [(content, attempts[pk], deliveries[pk]) for content, pk in zip(answers, webhooks, strict=True)]


def test_any_answer_ends_in_an_allowed_state_with_a_reason(receiver: Receiver) -> None:
    expected = {**ANSWERS, OK: 204}
    for answer, attempt, delivery in post_to_all(receiver, list(expected)):
        code = expected[answer]
        assert (attempt.code, delivery.reply_code) == (code, code), answer
        assert attempt.said == delivery.reply != ""
        assert attempt.said.isascii()
        assert delivery.state == ("sent" if code in {200, 204} else "deferred")
    assert not Destination.objects.in_trouble().exists()


def test_wicked_answers_are_deferred_and_the_good_one_among_them_is_sent(receiver: Receiver) -> None:
    assert len(wicked_answers.ANSWERS) >= 200
    answers = [*wicked_answers.ANSWERS, OK]
    for answer, attempt, delivery in post_to_all(receiver, answers):
        expected = {"sent"} if answer == OK else {"deferred", "failed"}
        assert delivery.state in expected, answer
        assert attempt.said == delivery.reply != ""
        assert re.fullmatch(r"[A-Za-z0-9 .,'()/-]+", attempt.said)
        assert "Unexpected" not in attempt.said, answer
    assert not Delivery.objects.filter(holder__isnull=False).exists()
    assert not Destination.objects.in_trouble().exists()


noise = st.one_of(
    st.binary(max_size=100),
    st.tuples(st.integers(0, 70_000), st.binary(max_size=60)).map(lambda pair: b"HTTP/1.1 %d %s\r\n\r\n" % pair),
    st.tuples(st.integers(100, 599), st.binary(max_size=60)).map(
        lambda pair: b"HTTP/1.1 %d\r\nRetry-After: %s\r\n\r\n" % pair
    ),
)


@hypothesis(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(noise, min_size=40, max_size=40))
def test_no_bytes_of_a_server_reach_the_ledger(receiver: Receiver, answers: list[bytes]) -> None:
    for answer, attempt, delivery in post_to_all(receiver, answers):
        assert delivery.state in {"sent", "deferred", "failed"}
        assert (delivery.state == "sent") == (delivery.reply_code in range(200, 300))
        assert attempt.said == delivery.reply != ""
        assert attempt.code == delivery.reply_code
        assert attempt.code is None or b"%d" % attempt.code in answer
        assert re.fullmatch(r"[A-Za-z0-9 .,'()/-]+", attempt.said)
