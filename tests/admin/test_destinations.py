"""Which destinations staff see by name."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from incidents.models import Destination
from incidents.notifications.monitoring.destinations import FEW
from tests.factories import make_page, make_subscriber
from tests.notifications.helpers import announced

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("role", ["viewer", "publisher"])
def test_domain_of_few_readers_is_named_only_to_staff_who_see_addresses(
    role: str, settings: Settings, request: pytest.FixtureRequest
) -> None:
    settings.ANNOUNCEMENT_HOLD = 0
    client = request.getfixturevalue(role)
    make_page()
    for number in range(FEW):
        make_subscriber(f"reader{number}@large.example")
    make_subscriber("dansk.navn@livets.dk")
    announcement, now = announced(), timezone.now()
    soon = now + timedelta(minutes=5)
    for domain in ("livets.dk", "large.example"):
        said = f"4.7.1 mx.{domain} is busy"
        announcement.deliveries.filter(destination=domain).update(
            state="deferred", next_attempt_at=soon, reply_code=451, reply=said
        )
        Destination.objects.create(name=domain, failing_since=now, retry_at=soon, reply_code=451, reply=said)
    incident = announcement.update.incident_id
    pages = [
        reverse("admin:incidents_delivery_overview"),
        reverse("admin:incidents_incident_change", args=[incident]),
        reverse("admin:incidents_incident_panel", args=[incident, announcement.pk]),
    ]
    for address in pages:
        shown = client.get(address).content.decode()
        assert "451 4.7.1 mx.large.example is busy" in shown, address
        assert ("a mail domain with few readers" in shown) == (role == "viewer"), address
        assert ("451 4.7.1 … is busy" in shown) == (role == "viewer"), address
        assert ("livets.dk" in shown) == (role == "publisher"), address
    delivery = announcement.deliveries.get(destination="livets.dk")
    shown = client.get(reverse("admin:incidents_delivery_change", args=[delivery.pk])).content.decode()
    assert ("a mail domain with few readers" in shown) == (role == "viewer")


def test_panel_counts_no_readers_of_destinations_with_many_deliveries(viewer: Client, settings: Settings) -> None:
    settings.ANNOUNCEMENT_HOLD = 0
    for number in range(FEW):
        make_subscriber(f"reader{number}@large.example")
    announcement = announced()
    announcement.deliveries.update(state="deferred", next_attempt_at=timezone.now() + timedelta(minutes=5))
    address = reverse("admin:incidents_incident_panel", args=[announcement.update.incident_id, announcement.pk])
    with CaptureQueriesContext(connection) as queries:
        assert "large.example" in viewer.get(address).content.decode()
    assert not any("split_part" in query["sql"] for query in queries)
