"""A webhook's server can answer what it likes: each post ends in an allowed state, with a reason and an attempt."""

import re
from collections.abc import Iterator
from ipaddress import ip_network

import pytest
import time_machine
from pytest_django import Settings

from incidents.models import Attempt, Delivery, Destination
from incidents.notifications import jobs
from tests.factories import make_page, make_subscriber
from tests.notifications.helpers import START, announced
from tests.support.receiver import OK, Posted, Receiver

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
    with time_machine.travel(START, tick=False), Receiver() as running:
        yield running


def test_any_answer_ends_in_an_allowed_state_with_a_reason(receiver: Receiver) -> None:
    make_page()
    fields = {"channel": "webhook", "owner": "drift@example.dk"}
    webhooks = {make_subscriber(f"{receiver.url}&n={number}", **fields).pk: number for number in range(30)}
    answers = dict(enumerate(ANSWERS))

    def answer(posted: Posted) -> bytes:
        return answers.get(int(re.findall("&n=([0-9]+)", posted.line)[0]), OK)

    receiver.says = answer
    announced()
    jobs.post()
    assert Delivery.objects.count() == Attempt.objects.count() == 30
    for attempt in Attempt.objects.all():
        delivery, number = Delivery.objects.get(pk=attempt.delivery_id), webhooks[attempt.subscriber_id]
        code = ANSWERS[answers[number]] if number in answers else 204
        assert (attempt.code, delivery.reply_code) == (code, code), answers.get(number)
        assert attempt.said == delivery.reply != ""
        assert attempt.said.isascii()
        assert delivery.state == ("sent" if code in {200, 204} else "deferred")
    assert not Destination.objects.in_trouble().exists()
