from django.db import models
from django.utils import timezone


class Holder(models.Model):
    """A running job of a worker, as the holder of the deliveries that it has claimed.

    The row is renewed every few seconds while the job runs and deleted at its end.
    Deliveries whose holder has no row are free; the scheduler deletes the row of a job
    that has died (see `notifications.ledger.holders`).
    """

    id = models.AutoField(primary_key=True)  # 32 bits, because it is also the key of an advisory lock
    worker = models.CharField(max_length=100)
    renewed_at = models.DateTimeField(default=timezone.now)
    # The scheduler has found no sign of life since then.
    suspected_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.pk} {self.worker}"
