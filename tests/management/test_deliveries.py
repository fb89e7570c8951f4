"""Delivery status, in the terminal and for Prometheus."""

import json
import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from incidents.models import Announcement, Delivery, Destination
from incidents.notifications import audience
from tests.factories import make_incident, make_statement, make_subscriber

pytestmark = pytest.mark.django_db


@pytest.fixture
def announcement() -> Announcement:
    make_subscriber("karl@full.example")
    make_subscriber("kira@example.dk")
    make_incident(statement=make_statement(notify=True))
    found = Announcement.objects.select_related("update").get()
    audience.expand(found, timezone.now())
    Announcement.objects.update(expanded_at=timezone.now())
    later = {"state": "deferred", "next_attempt_at": timezone.now(), "reply": "4.2.2 karl is full", "reply_code": 452}
    Delivery.objects.filter(destination="full.example").update(**later)
    Destination.objects.create(
        name='https://busy"example', failing_since=timezone.now(), retry_at=timezone.now(), reply="4.7.500 Server busy"
    )
    Destination.objects.create(name="livets.dk", failing_since=timezone.now(), retry_at=timezone.now())
    return found


def said(*options: str) -> str:
    out = StringIO()
    call_command("deliveries", *options, stdout=out)
    return out.getvalue()


def test_terminal_shows_deferred_deliveries_and_no_address(announcement: Announcement) -> None:
    table = said()
    assert "workers: none running   scheduler: not running" in table
    assert re.search(rf"^{announcement.pk} +sending +1 +0 +1", table, re.MULTILINE)
    assert "full.example: 1 of announcement" in table
    assert "452 4.2.2 k… is full" in table
    assert "karl" not in table
    found = json.loads(said("--json", "--incident", announcement.update.incident_id))
    assert found["announcements"][0]["states"] == {"queued": 1, "deferred": 1}
    with pytest.raises(CommandError, match="No update"):
        said("--incident", "abc")
