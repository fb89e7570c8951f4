"""What a worker may send next: due rows, locked and leased, with those who need not be told taken out."""

import logging
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q

from ...models import Announcement, Delivery, DeliveryState, Destination, SkipReason, Subscriber
from ...models.deliveries import DeliveryQuerySet
from ..addressing import is_webhook, relay_name
from . import destinations
from .writer import ClaimedDelivery, transition

logger = logging.getLogger(__name__)

# A worker that does not come to a row by then has lost it to others.
LEASE = timedelta(minutes=5)
_STATE_REASONS = {
    Subscriber.State.UNSUBSCRIBED: SkipReason.UNSUBSCRIBED,
    Subscriber.State.SUSPENDED: SkipReason.SUSPENDED,
    Subscriber.State.PENDING: SkipReason.UNCONFIRMED,
}
_COLUMNS = {
    "endpoint": F("subscriber__address"),
    "owner": F("subscriber__owner"),
    "opt_in_round": F("subscriber__opt_in_round"),
    "time_zone": F("subscriber__time_zone"),
    "subscriber_state": F("subscriber__state"),
    "incident_published_at": F("announcement__update__incident__published_at"),
    "update_published_at": F("announcement__update__published_at"),
}
_OWN = (
    "id channel destination letter language announcement_id attempts times_uncertain created_at message_id dated_at "
    "subscriber_id"
).split()
_TO_WHOM = "endpoint opt_in_round time_zone".split()


@transaction.atomic
def claim(
    announcement_id: int | None, limit: int, now: datetime, provided: Collection[str] = ()
) -> list[ClaimedDelivery]:
    """Mails to send now, held for LEASE; none while the relay is closed.

    A destination in trouble gets one row at most, and only when its next try has come;
    one that is `provided` for gets none.
    """
    if not _may_go(announcement_id):
        return []
    relay = relay_name()
    troubled = Destination.objects.in_trouble().names()
    due = Delivery.objects.due(now).by_mail().filter(announcement=announcement_id)
    flowing = due.exclude(destination__in=[*troubled, *provided])
    to_probe = Destination.objects.due_for_a_probe(now).names()
    probed = [name for name in to_probe if name != relay and not is_webhook(name)]
    if relay in troubled:
        rows = _claim_probe(flowing, [relay], now)
        return rows or next(
            (rows for name in probed if (rows := _claim_probe(due.filter(destination=name), [relay, name], now))), []
        )
    rows = _take(flowing, limit, now)
    for name in probed:
        rows += _claim_probe(due.filter(destination=name), [name], now)
    return rows


@transaction.atomic
def claim_posts(limit: int, now: datetime) -> list[ClaimedDelivery]:
    """The same for what goes over HTTP, of all announcements: there are few, and no relay stands between."""
    due = Delivery.objects.due(now).posted()
    flowing = due.exclude(destination__in=Destination.objects.in_trouble().names())
    rows: list[ClaimedDelivery] = []
    for announcement_id in _ids(flowing):
        if len(rows) < limit and _may_go(announcement_id):
            rows += _take(flowing.filter(announcement=announcement_id), limit - len(rows), now)
    for name in filter(is_webhook, Destination.objects.due_for_a_probe(now).names()):
        rows += _claim_probe(due.filter(destination=name), [name], now)
    return rows


def _ids(due: DeliveryQuerySet) -> list[int | None]:
    """The announcements of these rows; None first, for the letters that belong to none."""
    found = set(due.order_by().values_list("announcement", flat=True).distinct())
    return sorted(found, key=lambda pk: (pk is not None, pk or 0))


def _may_go(announcement_id: int | None) -> bool:
    return announcement_id is None or _goes_on(announcement_id)


def _goes_on(announcement_id: int) -> bool:
    """Whether it is not paused, and will not be before these claims are committed.

    Whoever pauses it waits for them, and takes them away: no worker is left with
    hundreds of letters that a slow relay would take for minutes after.
    """
    table = Announcement._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT FROM {table} WHERE id = %s AND paused_at IS NULL FOR SHARE", [announcement_id])
        return bool(cursor.rowcount)


def _claim_probe(due: DeliveryQuerySet, names: list[str], now: datetime) -> list[ClaimedDelivery]:
    """One row to try the destinations with, unless another worker does."""
    if not all(Destination.objects.filter(name=name, retry_at__lte=now).exists() for name in names):
        return []
    rows = _take(due, 1, now)
    for row in rows:
        row.probes = tuple(name for name in names if destinations.take_probe(name, now))
    unused = [row.id for row in rows if not row.probes]
    Delivery.objects.filter(id__in=unused).update(lease_until=None)
    return [row for row in rows if row.probes]


def _take(due: DeliveryQuerySet, limit: int, now: datetime) -> list[ClaimedDelivery]:
    """Locks up to `limit` rows that nobody else has locked; skips who need not be told, leases the others."""
    # In no finer order: a million rows made at once would be sorted for every batch.
    picked = due.order_by("next_attempt_at").select_for_update(skip_locked=True, of=("self",))
    picked = picked.annotate(superseded=_superseded(), **_COLUMNS)
    while found := list(picked.values(*_OWN, *_COLUMNS, "superseded")[:limit]):
        reasons = {row["id"]: _why_not(row) for row in found}
        for reason in set(reasons.values()) - {""}:
            skipped = Delivery.objects.filter(id__in=[pk for pk, why in reasons.items() if why == reason])
            transition(skipped, DeliveryState.SKIPPED, skip_reason=reason)
        if kept := [row for row in found if not reasons[row["id"]]]:
            Delivery.objects.filter(id__in=[row["id"] for row in kept]).update(lease_until=now + LEASE)
            return [_held(row, now + LEASE) for row in kept]
    return []


def forget_orphans(announcement_id: int | None, now: datetime) -> int:
    """Deletes due rows that no worker can send: their subscriber or announcement is gone. Returns how many.

    PostgreSQL does not check these references, so a deletion by hand leaves such rows;
    each sweep would find them due, for ever.
    """
    # Not by `due`, which asks the announcement.
    due = Delivery.objects.waiting().filter(announcement=announcement_id, next_attempt_at__lte=now)
    to_nobody = ~Exists(Subscriber.objects.filter(pk=OuterRef("subscriber_id")))
    of_nothing = ~Exists(Announcement.objects.filter(pk=OuterRef("announcement_id")))
    lost = due.filter(to_nobody | Q(announcement_id__isnull=False) & of_nothing).order_by()
    orphans = Delivery.objects.filter(pk__in=list(lost.values_list("pk", flat=True)))
    forgotten, _by_model = orphans.delete()
    if forgotten:
        logger.warning("%s deliveries are forgotten: their subscriber or announcement is gone.", forgotten)
    return forgotten


def release(rows: Iterable[ClaimedDelivery]) -> None:
    """Gives rows back that were not begun."""
    for row in rows:
        Delivery.objects.waiting().filter(id=row.id, lease_until=row.lease).update(lease_until=None)


def supersede(announcement: Announcement) -> int:
    """Skips what waits of earlier announcements for those who will get this one, which tells the whole story."""
    update = announcement.update
    earlier = Announcement.objects.filter(
        update__incident=update.incident_id,
        update__at__lte=update.at,
        pk__lt=announcement.pk,
        expanded_at__isnull=False,
    )
    told_now = Delivery.objects.filter(
        announcement=announcement, subscriber=OuterRef("subscriber"), state=DeliveryState.QUEUED
    )
    # The ids are written into the statement: through a join PostgreSQL compares everybody with everybody.
    rows = Delivery.objects.filter(Exists(told_now), announcement__in=list(earlier.values_list("pk", flat=True)))
    return transition(rows, DeliveryState.SKIPPED, skip_reason=SkipReason.SUPERSEDED)


def _superseded() -> Exists:
    """For a row that was on the wire when a newer announcement expanded, and came back."""
    incident = OuterRef("announcement__update__incident")
    newer = Delivery.objects.filter(
        announcement__gt=OuterRef("announcement"),
        announcement__update__incident=incident,
        announcement__update__at__gte=OuterRef("announcement__update__at"),
        subscriber=OuterRef("subscriber"),
    )
    return Exists(newer.exclude(state__in=[DeliveryState.SKIPPED, DeliveryState.FAILED]))


def _why_not(row: dict[str, Any]) -> str:
    """The reason why a due row is not sent after all; empty if it is."""
    state = row["subscriber_state"]
    if row["letter"] != Delivery.Letter.UPDATE:
        left = state == Subscriber.State.UNSUBSCRIBED and row["letter"] != Delivery.Letter.MANAGE
        return SkipReason.UNSUBSCRIBED if left or not row["endpoint"] else ""
    if state != Subscriber.State.ACTIVE:
        return _STATE_REASONS[state]
    if row["incident_published_at"] is None or row["update_published_at"] is None:
        return SkipReason.WITHDRAWN
    return SkipReason.SUPERSEDED if row["superseded"] else ""


def _held(row: dict[str, Any], lease: datetime) -> ClaimedDelivery:
    """What concerns a webhook itself goes by mail, to its owner."""
    by_mail = row["channel"] == Subscriber.Channel.EMAIL
    address = (by_mail and row["owner"]) or row["endpoint"]
    return ClaimedDelivery(lease=lease, address=address, **{name: row[name] for name in (*_OWN, *_TO_WHOM)})
