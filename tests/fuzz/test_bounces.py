"""No email to a signed bounce address makes `receive_bounce` raise anything but UnknownBounceAddress."""

from contextlib import suppress

import pytest
from django.db import transaction
from pytest_django import Settings

from incidents import links
from incidents.models import Bounce, Delivery
from incidents.operations import UnknownBounceAddress, receive_bounce
from tests.factories import make_subscriber
from tests.notifications.helpers import announced

from .campaign import fuzz
from .parsers import PARSERS

pytestmark = pytest.mark.django_db


def test_any_email_to_a_bounce_address_is_received(settings: Settings) -> None:
    settings.ANNOUNCEMENT_HOLD = 0
    make_subscriber("anna@example.dk")
    announced()
    address = f"bounces+{links.sign_bounce(Delivery.objects.get().pk)}@status.example.dk"

    def call(raw: bytes) -> None:
        with transaction.atomic():
            receive_bounce(raw=raw, address=address)
            with suppress(UnknownBounceAddress):
                receive_bounce(raw=raw)
            transaction.set_rollback(True)

    known = PARSERS["bounce"]
    fuzz("receive_bounce", call, seeds=known.seeds, words=known.words, number=150)
    assert not Bounce.objects.exists()
