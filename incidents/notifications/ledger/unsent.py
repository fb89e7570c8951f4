"""What readers of a superseded message would miss: texts of the report that only that message had."""

from typing import Any

from django.db.models import Exists, OuterRef

from ...models import Announcement, Delivery, DeliveryState
from ...models.deliveries import WAITING


def unsent_report(announcement: Announcement) -> dict[str, Any]:
    """Return the latest record of each text in earlier announcements of the incident that are not sent to everyone.

    Call it before their deliveries are skipped as superseded. Those in flight count too: if they are
    deferred, they are superseded later. The result is stored, so that every message is the same.
    """
    unfinished = Delivery.objects.filter(announcement=OuterRef("pk"), state__in=[*WAITING, DeliveryState.SENDING])
    earlier = Announcement.objects.repeated_by(announcement).order_by("update__published_at", "update_id", "pk")
    rows = earlier.annotate(is_unsent=Exists(unfinished)).values_list("is_unsent", "unsent_report", "update__report")
    unsent: set[str] = set()
    latest: dict[str, Any] = {}
    for is_unsent, repeated, report in rows:
        latest |= report
        if is_unsent:
            unsent |= {*repeated, *report}
    return {name: entry for name, entry in latest.items() if name in unsent}
