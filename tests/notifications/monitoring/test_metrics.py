"""What `/metrics` tells of deliveries."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from incidents import operations
from incidents.metrics.exposition import render
from incidents.models import Delivery, Destination
from statuspage.metric_values import from_database
from tests.actors import ANYBODY
from tests.factories import make_subscriber
from tests.notifications.helpers import announced


def age() -> float:
    found = re.findall(
        r"^statuspage_deliveries_oldest_waiting_age_seconds (\S+)$", render(from_database(timezone.now())), re.MULTILINE
    )
    return float(found[0])


@pytest.mark.django_db
def test_names_of_destinations_name_no_reader() -> None:
    make_subscriber("karl@livets.dk")
    announced()
    Delivery.objects.update(destination="livets.dk")
    since = {"failing_since": timezone.now(), "retry_at": timezone.now()}
    Destination.objects.create(name="livets.dk", **since)
    Destination.objects.create(name='https://busy"example', **since)
    text = render(from_database(timezone.now()))
    assert 'destination_waiting_deliveries{destination="https://busy\\"example"} 0\n' in text
    assert 'destination_waiting_deliveries{destination="mail domains with few readers"} 1\n' in text
    assert 'deliveries{state="queued"} 1\n' in text
    assert "livets" not in text
    assert "karl" not in text


@pytest.mark.django_db
def test_age_counts_announcements_with_waiting_deliveries_only() -> None:
    make_subscriber()
    announcement = announced()
    announcement.expanded_at = timezone.now() - timedelta(minutes=5)
    announcement.save()
    assert 300 <= age() < 330
    operations.stop_announcement(by=ANYBODY, announcement=announcement)
    assert age() == 0
