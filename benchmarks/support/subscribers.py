"""Commands with many subscribers. Each prints its result as one line of JSON.

`python -m benchmarks.support.subscribers import N` imports a table of N lines; the seconds include reading the file.
`pages N ROUNDS` times the pages of the newsroom about an announcement to N subscribers, of whom some failed or wait.
`retain` lets the scheduler replace the deliveries of that announcement with counts.
"""

import csv
import json
import os
import sys
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import django

django.setup()

# Models can be imported only once Django is set up.
from django.conf import settings  # noqa: E402
from django.contrib.auth import get_user_model  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import reverse  # noqa: E402
from django.utils import timezone  # noqa: E402

from benchmarks.support import delivery_commands, newsroom  # noqa: E402
from benchmarks.support.delivery_commands import memory, processor_time, session_id, timed  # noqa: E402
from benchmarks.support.parking import Statements  # noqa: E402
from benchmarks.support.product import processor_time_of  # noqa: E402
from incidents import scheduler  # noqa: E402
from incidents.garbage import spare_loaded_code  # noqa: E402
from incidents.models import Announcement, Component, ConsentRecord, Delivery, Subscriber  # noqa: E402
from incidents.text import Text  # noqa: E402
from statuspage.django_process import load_views  # noqa: E402

COMPONENTS = 10
HEADING = "address language incidents maintenance components time_zone requested_at confirmed_at".split()


def import_table(number: str) -> dict[str, Any]:
    """Import into an empty database; every fifth subscriber chooses a component, every third a time zone."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE incidents_delivery, incidents_subscriber CASCADE")
    get_user_model().objects.get_or_create(username="bench", is_superuser=True, is_staff=True)
    slugs = [f"component-{place}" for place in range(COMPONENTS)]
    for slug in slugs:
        Component.objects.get_or_create(slug=slug, defaults={"name": Text(da=slug, en=slug)})
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "subscribers.csv")
        with file.open("w", encoding="utf-8", newline="") as stream:
            table = csv.writer(stream)
            table.writerow(HEADING)
            table.writerows(line(place, slugs) for place in range(int(number)))
        begun, in_database = processor_time(), processor_time_of(session_id())
        with timed() as seconds, Path(os.devnull).open("w", encoding="utf-8") as nowhere:
            call_command("import_subscribers", str(file), "--by=bench", "--consent=Benchmark", stdout=nowhere)
    used = processor_time() - begun + processor_time_of(session_id()) - in_database
    stored = min(Subscriber.objects.count(), ConsentRecord.objects.count())
    return {"seconds": seconds(), "processor": used, "memory": memory(), "stored": stored}


def line(place: int, slugs: list[str]) -> list[str]:
    return [
        f"reader{place}@host{place % 300}.example",
        "da" if place % 2 else "en",
        "yes",
        "no" if place % 7 == 0 else "yes",
        slugs[place % len(slugs)] if place % 5 == 0 else "",
        "Europe/Copenhagen" if place % 3 == 0 else "",
        "2023-10-09T21:00:00Z",
        "2023-10-09T21:05:00Z",
    ]


def pages(number: str, rounds: str) -> dict[str, Any]:
    delivery_commands.fill(number)
    delivery_commands.announce()
    delivery_commands.expand()
    newsroom.add_outcomes()
    load_views()
    spare_loaded_code()  # as the process that runs Django does
    client = Client(headers={"Accept-Language": "en"}, SERVER_NAME="localhost")
    client.force_login(get_user_model().objects.get_or_create(username="bench", is_superuser=True, is_staff=True)[0])
    announcement = Announcement.objects.latest("id")
    keys = [announcement.update.incident_id, announcement.pk]
    addresses = {
        "panel": reverse("admin:incidents_incident_panel", args=keys),
        "overview": reverse("admin:incidents_delivery_overview"),
    }
    for address in addresses.values():
        newsroom.timed(client, address)  # compiles its templates
    return {
        name: [newsroom.timed(client, address) for _round in range(int(rounds))] for name, address in addresses.items()
    }


def retain() -> dict[str, Any]:
    """Count the minutes, because the chore runs once a minute."""
    Announcement.objects.update(created_at=timezone.now() - timedelta(days=settings.DELIVERIES_KEPT_DAYS + 1))
    finished, minutes, statements = Delivery.objects.filter(state__in=["sent", "failed", "skipped"]), 0, Statements()
    with connection.execute_wrapper(statements), timed() as seconds:
        while finished.exists():
            scheduler.forget_deliveries()
            minutes += 1
    return {"minutes": minutes, "seconds": seconds(), "longest": max(statements.seconds)}


COMMANDS: dict[str, Callable[..., dict[str, Any]]] = {"import": import_table, "pages": pages, "retain": retain}

if __name__ == "__main__":
    print(json.dumps(COMMANDS[sys.argv[1]](*sys.argv[2:])))
