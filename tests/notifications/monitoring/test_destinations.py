"""Mail domains of few readers."""

import pytest
from django.utils import timezone
from pytest_django import Settings

from incidents.models import MailDomain
from incidents.notifications.monitoring.destinations import FEW, with_few_readers
from tests.factories import make_subscriber

pytestmark = pytest.mark.django_db


def test_domain_has_few_readers_below_the_number() -> None:
    for number in range(FEW - 1):
        make_subscriber(f"reader{number}@small.example")
    make_subscriber("Other@Large.example")
    for number in range(FEW - 1):
        make_subscriber(f"reader{number}@large.example", state="unsubscribed")
    assert with_few_readers(["small.example", "large.example"]) == {"small.example"}


def test_domains_of_an_mx_group_are_counted_together(settings: Settings) -> None:
    settings.GROUP_BY_MX = True
    for number in range(FEW):
        domain = MailDomain.objects.create(name=f"d{number}.example", group="mx.example", known_at=timezone.now())
        make_subscriber(f"reader@{domain.name}")
    make_subscriber("dansk.navn@livets.dk")
    names = ["mx.example", "livets.dk", "gone.example", "https://livets.dk", "relay.example:25", ""]
    assert with_few_readers(names) == {"livets.dk", "gone.example"}
