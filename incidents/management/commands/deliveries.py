"""`manage.py deliveries`: shows current deliveries in the terminal."""

import json
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone, translation

from incidents.formats import iso
from incidents.models import Announcement, DeliveryState
from incidents.notifications.monitoring import overview, progress
from incidents.notifications.monitoring.overview import Overview
from incidents.notifications.monitoring.progress import Progress
from incidents.wording import words

COLUMNS = [state.value for state in DeliveryState]


class Command(BaseCommand):
    help = (
        "Shows announcements with their deliveries by state, failing destinations, and whether workers and scheduler "
        "are running. Default: all announcements in progress. Never shows addresses."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--incident", metavar="ID", help="Show all announcements of this incident, finished ones too."
        )
        parser.add_argument(
            "--json", action="store_true", help="Print JSON instead of a table; with --watch, one document per line."
        )
        parser.add_argument(
            "--watch",
            nargs="?",
            type=float,
            const=2.0,
            metavar="SECONDS",
            help="Repeat every SECONDS (default: 2) until Ctrl-C.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with translation.override("en"):
                self.show(options)
                while options["watch"]:
                    time.sleep(max(options["watch"], 0.5))
                    self.show(options)
        except KeyboardInterrupt:
            self.stdout.write("")

    def show(self, options: dict[str, Any]) -> None:
        now = timezone.now()
        found = overview.overview(now)
        shown = of_incident(options["incident"]) if options["incident"] else found.in_progress
        if options["json"]:
            self.stdout.write(json.dumps(as_json(found, shown), indent=None if options["watch"] else 2))
            return
        if options["watch"] and self.stdout.isatty():
            self.stdout.write("\x1b[H\x1b[2J", ending="")
        self.stdout.write("\n".join([*health_line(found), "", *table(shown), *waiting(found, shown)]))


def of_incident(pk: str) -> list[Progress]:
    announcements = Announcement.objects.filter(update__incident=pk).select_related("update__incident")
    if not announcements:
        raise CommandError(f"No update of incident {pk} was announced.")
    return progress.progress_of(list(announcements), timezone.now())


def health_line(found: Overview) -> list[str]:
    health = found.health
    queue = f"{health.jobs_waiting} jobs" if health.queue_answers else "not answering"
    workers = str(len(health.live_workers)) if not health.no_mail_worker else "none running"
    scheduler = "not running" if health.scheduler_is_down else "running"
    return [
        f"queue: {queue}   workers: {workers}   scheduler: {scheduler}   sent in the last minute: {found.per_minute}"
    ]


def table(shown: list[Progress]) -> list[str]:
    heads = ["announcement", "status", *COLUMNS, "incident"]
    rows = [
        [str(one.announcement.pk), one.status, *(str(one.counts[state]) for state in COLUMNS), title_of(one)]
        for one in shown
    ]
    widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(len(heads))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in [heads, *rows]]
    return [line.rstrip() for line in lines] if rows else ["No announcements in progress."]


def waiting(found: Overview, shown: list[Progress]) -> list[str]:
    """Deferred deliveries by destination, then failing destinations."""
    lines = [
        f"  {row.destination}: {row.number} of announcement {one.announcement.pk}, "
        f"next attempt {iso(row.next_try)}: {row.reply}"
        for one in shown
        for row in one.deferred
    ]
    lines += [
        f"  {row.destination}: failing since {iso(row.destination.failing_since)}: {row.reply}"
        for row in found.failing_destinations
        if row.destination.failing_since
    ]
    return ["", "waiting for:", *lines] if lines else []


def title_of(one: Progress) -> str:
    return f"{one.announcement.update.incident_id} {words(one.announcement.update.incident.title)}"


def as_json(found: Overview, shown: list[Progress]) -> dict[str, Any]:
    health = found.health
    return {
        "at": iso(found.at),
        "queue_answers": health.queue_answers,
        "jobs_waiting": health.jobs_waiting,
        "workers": len(health.live_workers),
        "scheduler_at": iso(health.scheduler_at) if health.scheduler_at else None,
        "sent_per_minute": found.per_minute,
        "announcements": [progress_as_json(one) for one in shown],
        "failing_destinations": [
            {"name": row.destination.name, "waiting": row.waiting, "reply": row.reply}
            for row in found.failing_destinations
        ],
    }


def progress_as_json(one: Progress) -> dict[str, Any]:
    return {
        "id": one.announcement.pk,
        "incident": one.announcement.update.incident_id,
        "status": one.status,
        "audience": one.audience,
        "states": dict(one.counts),
        "skipped": dict(one.skipped),
        "bounced": one.bounced,
        "deferred": [
            {
                "destination": row.destination,
                "number": row.number,
                "since": iso(row.since),
                "next_try": iso(row.next_try),
                "reply": row.reply,
            }
            for row in one.deferred
        ],
    }
