"""Claims: due rows that a worker locks and leases. Rows that need not be sent any more are skipped here."""

import logging
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q

from ...models import Announcement, ComponentUpdate, Delivery, DeliveryState, Destination, SkipReason, Subscriber
from ...models.deliveries import DeliveryQuerySet
from ..addressing import is_webhook, relay_name
from . import component_posts, destinations
from .writer import ClaimedDelivery, transition

logger = logging.getLogger(__name__)

# A row that its worker has not started to send by then is free for other workers.
LEASE = timedelta(minutes=5)
_STATE_REASONS = {
    Subscriber.State.UNSUBSCRIBED: SkipReason.UNSUBSCRIBED,
    Subscriber.State.SUSPENDED: SkipReason.SUSPENDED,
    Subscriber.State.PENDING: SkipReason.UNCONFIRMED,
}
_RELATED_COLUMNS = {
    "endpoint": F("subscriber__address"),
    "owner": F("subscriber__owner"),
    "opt_in_round": F("subscriber__opt_in_round"),
    "time_zone": F("subscriber__time_zone"),
    "subscriber_state": F("subscriber__state"),
    "incident_published_at": F("announcement__update__incident__published_at"),
    "update_published_at": F("announcement__update__published_at"),
}
_DELIVERY_COLUMNS = (
    "id channel destination letter language announcement_id component_update_id attempts times_uncertain created_at "
    "message_id dated_at subscriber_id"
).split()
_RECIPIENT_COLUMNS = "endpoint opt_in_round time_zone".split()


@transaction.atomic
def claim(
    announcement_id: int | None, limit: int, now: datetime, saturated: Collection[str] = ()
) -> list[ClaimedDelivery]:
    """Claim emails to send now, for LEASE; none while the relay is in backoff.

    A failing destination gets at most one row, and only once its next attempt is due;
    `saturated` destinations get none.
    """
    if not _may_send(announcement_id):
        return []
    relay = relay_name()
    failing = Destination.objects.in_trouble().names()
    due = Delivery.objects.due(now).by_mail().filter(announcement=announcement_id)
    unimpeded = due.exclude(destination__in=[*failing, *saturated])
    due_for_a_probe = Destination.objects.due_for_a_probe(now).names()
    probed = [name for name in due_for_a_probe if name != relay and not is_webhook(name)]
    if relay in failing:
        rows = _claim_probe(unimpeded, [relay], now)
        return rows or next(
            (rows for name in probed if (rows := _claim_probe(due.filter(destination=name), [relay, name], now))), []
        )
    rows = _claim_rows(unimpeded, limit, now)
    for name in probed:
        rows += _claim_probe(due.filter(destination=name), [name], now)
    return rows


@transaction.atomic
def claim_posts(limit: int, now: datetime) -> list[ClaimedDelivery]:
    """Claim webhook and chat posts, of all announcements: there are few, and they do not go through a relay.

    Codes come first, because their readers wait for them, and the statuses of components last.
    """
    due = component_posts.without_overtaking(Delivery.objects.due(now).posted(), now)
    unimpeded = due.exclude(destination__in=Destination.objects.in_trouble().names())
    is_component = Q(letter=Delivery.Letter.COMPONENT)
    rows: list[ClaimedDelivery] = []
    for announcement_id in _announcement_ids(unimpeded.exclude(is_component)):
        if len(rows) < limit and _may_send(announcement_id):
            announced = unimpeded.exclude(is_component).filter(announcement=announcement_id)
            rows += _claim_rows(announced, limit - len(rows), now)
    if len(rows) < limit:
        rows += _claim_rows(unimpeded.filter(is_component), limit - len(rows), now)
    for name in filter(is_webhook, Destination.objects.due_for_a_probe(now).names()):
        rows += _claim_probe(due.filter(destination=name), [name], now)
    return rows


def _announcement_ids(due: DeliveryQuerySet) -> list[int | None]:
    # Return the announcements of these rows, starting with None for single messages.
    ids = set(due.order_by().values_list("announcement", flat=True).distinct())
    return sorted(ids, key=lambda pk: (pk is not None, pk or 0))


def _may_send(announcement_id: int | None) -> bool:
    return announcement_id is None or _lock_unless_paused(announcement_id)


def _lock_unless_paused(announcement_id: int) -> bool:
    # Whether it is not paused, and cannot be before these claims are committed.
    #
    # Pausing waits for these claims and then revokes them: otherwise a worker with a slow
    # relay would keep sending hundreds of messages for minutes afterwards.
    table = Announcement._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT FROM {table} WHERE id = %s AND paused_at IS NULL FOR SHARE", [announcement_id])
        return bool(cursor.rowcount)


def _claim_probe(due: DeliveryQuerySet, names: list[str], now: datetime) -> list[ClaimedDelivery]:
    # Claim one row to probe the destinations with, unless another worker is probing them.
    if not all(Destination.objects.filter(name=name, retry_at__lte=now).exists() for name in names):
        return []
    rows = _claim_rows(due, 1, now)
    for row in rows:
        row.probes = tuple(name for name in names if destinations.claim_probe(name, now))
    unused = [row.id for row in rows if not row.probes]
    Delivery.objects.filter(id__in=unused).update(lease_until=None)
    return [row for row in rows if row.probes]


def _claim_rows(due: DeliveryQuerySet, limit: int, now: datetime) -> list[ClaimedDelivery]:
    # Lock up to `limit` rows that are not locked; skip those that need not be sent, lease the others.
    # A finer order would sort a million rows, created at the same moment, for every batch.
    picked = due.order_by("next_attempt_at").select_for_update(skip_locked=True, of=("self",))
    picked = picked.annotate(superseded=_is_superseded(), **_RELATED_COLUMNS)
    while found := list(picked.values(*_DELIVERY_COLUMNS, *_RELATED_COLUMNS, "superseded")[:limit]):
        of_components = component_posts.skip_reasons({row["component_update_id"] for row in found})
        reasons = {row["id"]: _skip_reason(row, of_components) for row in found}
        for reason in set(reasons.values()) - {""}:
            skipped = Delivery.objects.filter(id__in=[pk for pk, own in reasons.items() if own == reason])
            transition(skipped, DeliveryState.SKIPPED, skip_reason=reason)
        if kept := [row for row in found if not reasons[row["id"]]]:
            Delivery.objects.filter(id__in=[row["id"] for row in kept]).update(lease_until=now + LEASE)
            return [_claimed_delivery(row, now + LEASE) for row in kept]
    return []


def delete_orphans(announcement_id: int | None, now: datetime) -> int:
    """Delete due rows whose subscriber, announcement or component update no longer exists. Return their number.

    PostgreSQL does not check these references, so a deletion by hand leaves such rows
    behind; every sweep would find them due, for ever.
    """
    # Without `due()`, which joins the announcement.
    due = Delivery.objects.waiting().filter(announcement=announcement_id, next_attempt_at__lte=now)
    no_subscriber = ~Exists(Subscriber.objects.filter(pk=OuterRef("subscriber_id")))
    no_announcement = ~Exists(Announcement.objects.filter(pk=OuterRef("announcement_id")))
    no_component = ~Exists(ComponentUpdate.objects.filter(pk=OuterRef("component_update_id")))
    without_news = Q(announcement_id__isnull=False) & no_announcement | Q(letter="component") & no_component
    found = due.filter(no_subscriber | without_news).order_by()
    orphans = Delivery.objects.filter(pk__in=list(found.values_list("pk", flat=True)))
    deleted, _by_model = orphans.delete()
    if deleted:
        logger.warning("%s deliveries deleted: what they refer to no longer exists", deleted)
    return deleted


def give_up(rows: Iterable[ClaimedDelivery]) -> None:
    """End the claims on rows that were not started."""
    for row in rows:
        Delivery.objects.waiting().filter(id=row.id, lease_until=row.lease).update(lease_until=None)


def skip_superseded(announcement: Announcement) -> int:
    """Skip waiting deliveries of earlier announcements to the recipients of this one, which repeats their updates."""
    update = announcement.update
    earlier = Announcement.objects.filter(
        update__incident=update.incident_id,
        update__at__lte=update.at,
        pk__lt=announcement.pk,
        expanded_at__isnull=False,
    )
    notified_now = Delivery.objects.filter(
        announcement=announcement, subscriber=OuterRef("subscriber"), state=DeliveryState.QUEUED
    )
    # The ids are put into the statement: with a join PostgreSQL would compare all rows with all rows.
    rows = Delivery.objects.filter(Exists(notified_now), announcement__in=list(earlier.values_list("pk", flat=True)))
    return transition(rows, DeliveryState.SKIPPED, skip_reason=SkipReason.SUPERSEDED)


def _is_superseded() -> Exists:
    # Match rows that were in flight when a newer announcement was expanded, and are waiting again.
    incident = OuterRef("announcement__update__incident")
    newer = Delivery.objects.filter(
        announcement__gt=OuterRef("announcement"),
        announcement__update__incident=incident,
        announcement__update__at__gte=OuterRef("announcement__update__at"),
        subscriber=OuterRef("subscriber"),
    )
    return Exists(newer.exclude(state__in=[DeliveryState.SKIPPED, DeliveryState.FAILED]))


def _skip_reason(row: dict[str, Any], of_components: dict[str | None, str]) -> str:
    # Return the reason to skip a due row; empty if it is to be sent.
    state = row["subscriber_state"]
    if row["letter"] == Delivery.Letter.COMPONENT:
        return of_components[row["component_update_id"]] if state == Subscriber.State.ACTIVE else _STATE_REASONS[state]
    if row["letter"] != Delivery.Letter.UPDATE:
        unsubscribed = state == Subscriber.State.UNSUBSCRIBED and row["letter"] != Delivery.Letter.MANAGE
        return SkipReason.UNSUBSCRIBED if unsubscribed or not row["endpoint"] else ""
    if state != Subscriber.State.ACTIVE:
        return _STATE_REASONS[state]
    if row["incident_published_at"] is None or row["update_published_at"] is None:
        return SkipReason.WITHDRAWN
    return SkipReason.SUPERSEDED if row["superseded"] else ""


def _claimed_delivery(row: dict[str, Any], lease: datetime) -> ClaimedDelivery:
    # Messages about a webhook subscription are sent to its owner, by email.
    by_email = row["channel"] == Subscriber.Channel.EMAIL
    address = (by_email and row["owner"]) or row["endpoint"]
    columns = {name: row[name] for name in (*_DELIVERY_COLUMNS, *_RECIPIENT_COLUMNS)}
    return ClaimedDelivery(lease=lease, address=address, **columns)
