"""`manage.py scheduler`: the process that does what is due automatically."""

import signal
from typing import Any

from django.core.management.base import BaseCommand

from incidents import scheduler
from incidents.garbage import spare_loaded_code
from incidents.stop_signal import StopSignal
from incidents.systemd import notify_ready


class Command(BaseCommand):
    help = (
        "Publish scheduled updates, release announcements, repair the public store and recover lost deliveries, "
        "until stopped (SIGTERM or Ctrl-C). Run one; more than one does no harm."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        stop = StopSignal()
        stop.listen(signal.SIGTERM, signal.SIGINT)
        self.stdout.write("The scheduler is running.")
        spare_loaded_code()
        notify_ready()
        scheduler.run(stop.is_set)
        self.stdout.write("The scheduler has stopped.")
