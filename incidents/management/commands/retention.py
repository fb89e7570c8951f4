"""`manage.py retention`: applies the retention period now instead of in batches."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone

from incidents.operations import apply_retention


class Command(BaseCommand):
    help = (
        "Replaces deliveries older than DELIVERIES_KEPT_DAYS with counts, and deletes bounces and webhook attempts of "
        "that age. The scheduler does the same every hour, in batches."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        count = apply_retention(now=timezone.now())
        self.stdout.write(f"Replaced {count} deliveries older than {settings.DELIVERIES_KEPT_DAYS} days with counts.")
