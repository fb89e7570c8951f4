from datetime import timedelta

import pytest
from django.utils import timezone

from incidents.models import Destination
from incidents.notifications.channels.smtp import Pipelining
from incidents.notifications.ledger import pipelining

pytestmark = pytest.mark.django_db

RELAY = "mx.example.dk:587"


def test_relay_whose_pipelining_is_broken_is_remembered_for_a_week() -> None:
    now = timezone.now()
    found = Pipelining(is_allowed=False, found_broken=True)
    pipelining.remember(RELAY, found, now)
    assert not found.found_broken
    assert pipelining.known(RELAY, now + timedelta(days=6)) == Pipelining(is_allowed=False)
    assert pipelining.known(RELAY, now + timedelta(days=8)) == Pipelining()
    assert pipelining.known("other.example.dk:25", now) == Pipelining()


def test_relay_that_pipelines_leaves_no_row() -> None:
    pipelining.remember(RELAY, Pipelining(works=True), timezone.now())
    assert not Destination.objects.exists()


def test_failing_relay_keeps_its_backoff() -> None:
    now = timezone.now()
    Destination.objects.create(name=RELAY, failing_since=now, retry_at=now, failures=3, reply="No")
    pipelining.remember(RELAY, Pipelining(found_broken=True), now)
    assert Destination.objects.in_trouble().get().failures == 3
