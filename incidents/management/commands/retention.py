"""`manage.py retention`: applies the retention period now instead of in batches."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone
from tqdm import tqdm

from incidents import scheduler
from incidents.operations import apply_retention
from incidents.subscriptions import erasure


class Command(BaseCommand):
    help = (
        "Replaces deliveries older than DELIVERIES_KEPT_DAYS with counts, and deletes bounces and webhook attempts of "
        "that age. Deletes sign-ups that were not confirmed, and the addresses of those who unsubscribed more than "
        "LEFT_ADDRESS_KEPT_DAYS ago. The scheduler does the same, in batches."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        count = apply_retention(now=timezone.now())
        self.stdout.write(f"Replaced {count} deliveries older than {settings.DELIVERIES_KEPT_DAYS} days with counts.")
        scheduler.forget_sign_ups()
        erased = 0
        with tqdm(desc="Addresses", unit="", disable=None) as progress:
            while batch := erasure.erase_departed(timezone.now()):
                erased += batch
                progress.update(batch)
        self.stdout.write(f"Erased {erased} addresses that left more than {settings.LEFT_ADDRESS_KEPT_DAYS} days ago.")
