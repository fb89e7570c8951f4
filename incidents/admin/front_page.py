"""The newsroom's front page: open incidents, unpublished updates, failing deliveries."""

from collections import Counter
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from ..labels import OVERALL
from ..models import PURGE, Delivery, DeliveryState, Incident, StaleSubject, Update, overall_status
from .needs_attention import needs_attention

IN_TROUBLE = (DeliveryState.DEFERRED, DeliveryState.UNCERTAIN, DeliveryState.FAILED)
RECENT = timedelta(days=7)
SHOWN = 20


def front_page(user: AbstractBaseUser | AnonymousUser) -> dict[str, Any]:
    """The context of the front page; each part only with permission to see it."""
    may = user.has_perm  # type: ignore[union-attr]  # the admin lets in nobody without permissions
    overall = overall_status()
    seen: dict[str, Any] = {"overall": overall, "overall_label": OVERALL[overall], "now": timezone.now()}
    seen["matters"] = needs_attention(user, seen["now"])
    if may("incidents.view_incident"):
        seen |= {"open_incidents": open_incidents(), "waiting_updates": waiting_updates()}
    if may("incidents.view_maintenance"):
        seen["planned"] = Incident.objects.public().upcoming()[:SHOWN]
    if may("incidents.view_delivery"):
        seen["troubles"] = deliveries_in_trouble()
    return seen | publishing()


def publishing() -> dict[str, Any]:
    """What is not published yet, and failed cache purges."""
    unpublished = StaleSubject.objects.unpublished()
    stale = unpublished.filter(is_shown=False) | unpublished.failed()
    return {
        "unpublished": stale.aggregate(total=Count("id"), failed=Count("id", filter=~Q(error=""))),
        "unpublished_why": stale.failed().values_list("error", flat=True).last(),
        "republished": StaleSubject.objects.in_background().last(),
        "unpurged": StaleSubject.objects.filter(subject=PURGE).last(),
    }


def open_incidents() -> QuerySet[Incident]:
    return Incident.objects.public().ongoing().worst_first()[:SHOWN]


def waiting_updates() -> QuerySet[Update]:
    """Scheduled updates, the next one first, then the newest drafts."""
    unpublished = Update.objects.filter(published_at__isnull=True).select_related("incident", "author")
    return unpublished.order_by("publish_at", "-updated_at")[:SHOWN]


def deliveries_in_trouble() -> list[tuple[str, str, int]]:
    """Recent deliveries in trouble: state, label and number; the worst last."""
    recent = Delivery.objects.filter(
        Q(announcement__created_at__gte=timezone.now() - RECENT)
        | Q(announcement__isnull=True, created_at__gte=timezone.now() - RECENT),
        state__in=IN_TROUBLE,
    )
    counts = Counter(dict(recent.values_list("state").annotate(Count("id"))))
    return [(state.value, str(state.label), counts[state]) for state in IN_TROUBLE if counts[state]]
