"""Runs what the scheduler does, and pages of maintenance: `python -m benchmarks.support.planning PAST AHEAD`.

Replaces all data with that much maintenance in the past and ahead, and 20 series. Prints the names of what it can run
as JSON. For each name on standard input it runs that once, and prints the time in ms and the number of queries.
"""

import json
import sys
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from datetime import time as time_of_day
from typing import Any

import django

django.setup()

# Models can be imported only once Django is set up.
from django.conf import settings  # noqa: E402
from django.contrib.auth import get_user_model  # noqa: E402
from django.db import connection, reset_queries, transaction  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402
from django.urls import reverse  # noqa: E402
from django.utils import timezone, translation  # noqa: E402

from benchmarks.support import history  # noqa: E402
from incidents import scheduler  # noqa: E402
from incidents.garbage import spare_loaded_code  # noqa: E402
from incidents.models import (  # noqa: E402
    AffectedComponent,
    Announcement,
    Component,
    Incident,
    MaintenanceSeries,
    Page,
    Reminder,
    StaleSubject,
    Update,
)
from incidents.publishing.documents.base import Edition  # noqa: E402
from incidents.publishing.documents.calendar import Calendar  # noqa: E402
from incidents.publishing.documents.maintenance import MaintenanceList  # noqa: E402
from incidents.publishing.documents.pages import Home  # noqa: E402
from incidents.recurrence import RepeatRule  # noqa: E402
from incidents.status import ComponentStatus, Impact, Kind, Phase  # noqa: E402
from incidents.text import Text  # noqa: E402
from statuspage.django_process import load_views  # noqa: E402

# What the scheduler does every few seconds, and so nearly always in the same beat.
_OFTEN = timedelta(seconds=5)
_WEEKS, _SERIES, _WINDOW = 8, 20, timedelta(hours=1)


@transaction.atomic
def fill(past: int, ahead: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE incidents_announcement CASCADE")
    MaintenanceSeries.objects.all().delete()
    history.fill(0)
    components, now = list(Component.objects.order_by("position")), timezone.now()
    done = [now - timedelta(hours=10) - number * timedelta(days=3650) / past for number in range(past)]
    planned = [now + timedelta(minutes=45) + number * timedelta(weeks=_WEEKS) / ahead for number in range(ahead)]
    completed = _add(done, (Phase.SCHEDULED, Phase.IN_PROGRESS, Phase.COMPLETED), components)
    _add_reminders(completed[: past // 2])
    _add(planned, (Phase.SCHEDULED,), components)
    _add_series(now)
    StaleSubject.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # as autovacuum does after so many new rows


def _add(starts: list[datetime], phases: Iterable[Phase], components: list[Component]) -> list[Incident]:
    steps = list(phases)
    after = {Phase.SCHEDULED: -timedelta(days=30), Phase.IN_PROGRESS: timedelta(), Phase.COMPLETED: _WINDOW}
    works = Incident.objects.bulk_create(_maintenance(start, steps[-1]) for start in starts)
    updates = Update.objects.bulk_create(
        Update(incident=one, phase=phase, text=_text(), at=at, published_at=at, notify=False)
        for one, start in zip(works, starts, strict=True)
        for phase in steps
        for at in [min(start + after[phase], timezone.now())]
    )
    AffectedComponent.objects.bulk_create(
        AffectedComponent(
            update=one,
            component=components[number // len(steps) % len(components)],
            status=ComponentStatus.UNDER_MAINTENANCE,
        )
        for number, one in enumerate(updates)
        if one.phase == Phase.SCHEDULED
    )
    return works


def _maintenance(start: datetime, phase: Phase) -> Incident:
    is_over = phase == Phase.COMPLETED
    choices = ("auto_start", "auto_complete", "remind_week_before", "remind_day_before", "remind_hour_before")
    return Incident(
        kind=Kind.MAINTENANCE,
        title=Text(da="Udskiftning af disk", en="Disk replacement"),
        impact=Impact.MAINTENANCE,
        phase=phase,
        started_at=start,
        scheduled_for=start,
        scheduled_until=start + _WINDOW,
        ended_at=start + _WINDOW if is_over else None,
        published_at=start - timedelta(days=30) if is_over else timezone.now() - timedelta(days=30),
        **dict.fromkeys(choices, True),
    )


def _text() -> Text:
    return Text(da="Vi skifter en disk.", en="We replace a disk.")


def _add_reminders(works: list[Incident]) -> None:
    updates = Update.objects.filter(incident__in=works, phase=Phase.SCHEDULED).select_related("incident")
    announced = Announcement.objects.bulk_create(
        Announcement(update=one, reason="reminder", hold_until=one.at, expanded_at=one.at) for one in updates
    )
    Reminder.objects.bulk_create(
        Reminder(
            incident=one.update.incident,
            announcement=one,
            planned_start=one.update.incident.started_at,
            before=timedelta(hours=1),
        )
        for one in announced
    )


def _add_series(now: datetime) -> None:
    first = timezone.localtime(now).date()
    rule = RepeatRule(first, time_of_day(2), _WINDOW, settings.TIME_ZONE, weekdays=(first.weekday(),))
    later = first + timedelta(weeks=52)
    MaintenanceSeries.objects.bulk_create(
        MaintenanceSeries.of(rule, pattern={}, next_day=later) for _number in range(_SERIES)
    )


# -- What is timed -----------------------------------------------------------------------


def chores() -> dict[str, Callable[[], object]]:
    return {one.do.__name__: one.do for one in scheduler.chores() if one.every <= _OFTEN}


def beat() -> None:
    for do in chores().values():
        do()


def settle() -> None:
    """Do what is due, such as reminders of maintenance that starts soon, until nothing is."""
    while True:
        before = Reminder.objects.count(), Announcement.objects.count(), StaleSubject.objects.count()
        beat()
        scheduler.repair_store()
        if before == (Reminder.objects.count(), Announcement.objects.count(), StaleSubject.objects.count()):
            return


def pages() -> dict[str, Callable[[], Any]]:
    client = Client(headers={"Accept-Language": "en", "Host": "localhost"})
    client.force_login(get_user_model().objects.get_or_create(username="bench", is_superuser=True, is_staff=True)[0])
    addresses = {"front_page": "admin:index", "maintenance_list": "admin:incidents_maintenance_changelist"}

    def opened(name: str) -> Callable[[], object]:
        def get() -> None:
            response = client.get(reverse(name), follow=True, secure=settings.HTTPS)
            if response.status_code != 200:
                raise RuntimeError(f"{name}: {response.status_code}")

        return get

    return {label: opened(name) for label, name in addresses.items()}


def documents() -> dict[str, Callable[[], Any]]:
    page, language = Page.objects.current(), settings.LANGUAGE_CODE

    def rendered(kind: Any) -> Callable[[], Any]:
        def render() -> None:
            with translation.override(language), timezone.override(page.time_zone):
                kind().render("", Edition(page, language))

        return render

    return {kind.__name__.lower(): rendered(kind) for kind in (Home, MaintenanceList, Calendar)}


def run_once(do: Callable[[], Any]) -> dict[str, float]:
    reset_queries()  # the log has a limited length
    with CaptureQueriesContext(connection) as seen:
        start = time.perf_counter()
        do()
        milliseconds = 1_000 * (time.perf_counter() - start)
    return {"ms": milliseconds, "queries": len(seen)}


def main(past: int, ahead: int) -> None:
    fill(past, ahead)
    settle()
    load_views()
    spare_loaded_code()  # as the product's processes do
    everything = {"beat": beat, **chores(), "alert_staff": scheduler.alert_staff, **pages(), **documents()}
    print(json.dumps(list(everything)), flush=True)
    for line in sys.stdin:
        print(json.dumps(run_once(everything[line.strip()])), flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
