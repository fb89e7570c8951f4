"""`manage.py clock`: the process in which things happen by themselves."""

import signal
from threading import Event
from typing import Any

from django.core.management.base import BaseCommand

from incidents import clock


class Command(BaseCommand):
    help = (
        "Publishes scheduled updates, mends the public store, releases announcements and finds lost deliveries, "
        "until it is told to stop (SIGTERM, Ctrl-C). Run one; more do no harm."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        stop = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        self.stdout.write("The clock is running.")
        clock.run(stop.is_set)
        self.stdout.write("The clock has stopped.")
