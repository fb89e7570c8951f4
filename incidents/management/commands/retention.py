"""`manage.py retention`: forgets now what the clock would forget by and by."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone

from incidents.notifications.ledger import retention


class Command(BaseCommand):
    help = (
        "Folds deliveries that are older than DELIVERIES_KEPT_DAYS into counts, and deletes what came back before "
        "then. The clock does the same every hour, some at a time."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        gone = retention.forget_deliveries(timezone.now())
        self.stdout.write(f"{gone} deliveries older than {settings.DELIVERIES_KEPT_DAYS} days are now only counted.")
