"""Rules, and what monitoring says: it fires, it ends, and time passes."""

from datetime import timedelta

import time_machine
from django.utils import timezone

from incidents.models import Incident
from incidents.monitoring_alerts import handling
from incidents.monitoring_alerts.receiving import ReceivedAlert, receive_alerts
from tests.actors import ANYBODY

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


def fires(**labels: str) -> None:
    receive_alerts([ReceivedAlert(labels=labels, summary="It is down.")], by=ANYBODY)


def ends(**labels: str) -> None:
    receive_alerts([ReceivedAlert(labels=labels, ended_at=timezone.now())], by=ANYBODY)


def later(clock: time_machine.Traveller, passed: timedelta) -> None:
    """The scheduler has run all the time, twelve times in even steps."""
    end = timezone.now() + passed
    handling.handle_alerts()
    while timezone.now() < end:
        clock.shift(min(passed / 12, end - timezone.now()))
        handling.handle_alerts()


def phases(incident: Incident) -> list[str]:
    """Of its updates, oldest first."""
    return list(incident.updates.order_by("at", "created_at").values_list("phase", flat=True))
