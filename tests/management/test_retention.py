from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone

from incidents.models import Subscriber
from tests.factories import make_subscriber

pytestmark = pytest.mark.django_db


def test_command_erases_departed_subscribers_and_unconfirmed_sign_ups() -> None:
    long_ago = timezone.now() - timedelta(days=40)
    make_subscriber("left@example.dk", state="unsubscribed", left_at=long_ago)
    make_subscriber("asked@example.dk", state="pending", confirmed_at=None, requested_at=long_ago)
    make_subscriber("stays@example.dk")
    said = StringIO()
    call_command("retention", stdout=said)
    assert "Replaced 0 deliveries older than 90 days with counts." in said.getvalue()
    assert "Erased 1 addresses that left more than 30 days ago." in said.getvalue()
    assert set(Subscriber.objects.values_list("address", flat=True)) == {"", "stays@example.dk"}
