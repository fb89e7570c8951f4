"""Times the rebuild of one component's statuses, in ms: `python -m benchmarks.support.rebuilding SIZE ROUNDS`.

Replaces all data with one component and SIZE incidents; prints the figures as JSON.
"""

import json
import statistics
import sys
import time
from datetime import datetime

import django

django.setup()

# Models can be imported only once Django is set up.
from benchmarks.support.history import fill  # noqa: E402
from incidents.models import Component, Incident, StatusChange  # noqa: E402
from incidents.operations import rebuild_statuses  # noqa: E402
from incidents.operations.claims import EARLIEST  # noqa: E402


def timed(component: str, since: datetime = EARLIEST) -> float:
    start = time.perf_counter()
    rebuild_statuses(components=[component], since=since, announce=False)
    return 1_000 * (time.perf_counter() - start)


def main(size: int, rounds: int) -> None:
    fill(size, components=1)
    component = Component.objects.get().pk
    newest, oldest = Incident.objects.newest_first()[0].started_at, Incident.objects.oldest_first()[0].started_at
    found = {
        "newest": statistics.median(timed(component, since=newest) for _round in range(rounds)),
        "oldest": statistics.median(timed(component, since=oldest) for _round in range(rounds)),
        "changes": StatusChange.objects.count(),
    }
    StatusChange.objects.all().delete()
    print(json.dumps({**found, "from_empty": timed(component)}))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
