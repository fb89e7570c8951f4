"""Claims: due rows that a worker's job makes its own. Rows that need not be sent any more are skipped here."""

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from operator import attrgetter
from typing import Any

import psycopg
from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Coalesce
from django.db.models.lookups import GreaterThan, IsNull
from psycopg.rows import namedtuple_row

from ...models import (
    Announcement,
    ComponentUpdate,
    Delivery,
    DeliveryState,
    Destination,
    IncidentChoice,
    SkipReason,
    Subscriber,
)
from ...models.deliveries import DeliveryQuerySet
from ...status import Phase
from ..addressing import is_mail_domain, is_webhook, relay_name
from . import component_posts, destinations, holders
from .writer import ClaimedDelivery, transition

logger = logging.getLogger(__name__)

# Destinations that are probed at the same time by one claim; each costs a few statements.
_PROBES = 20
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
    "announcement_reason": F("announcement__reason"),
    "incident_phase": F("announcement__update__incident__phase"),
    "trying_since": Coalesce("retried_at", "created_at"),
}
_DELIVERY_COLUMNS = (
    "id channel destination letter language announcement_id component_update_id attempts times_uncertain "
    "message_id dated_at subscriber_id"
).split()
_COPIED = (*_DELIVERY_COLUMNS, "endpoint", "owner", "opt_in_round", "time_zone", "trying_since")
_copied_values = attrgetter(*_COPIED)


@transaction.atomic
def claim(
    holder: int, announcement_id: int | None, limit: int, now: datetime, saturated: Collection[str] = ()
) -> list[ClaimedDelivery]:
    """Claim emails to send now; none while the relay is in backoff. Raises HolderLost.

    A failing destination gets at most one row, of any announcement, and only once its next
    attempt is due; `saturated` destinations get none.
    """
    holders.require(holder)
    failing, due = Destination.objects.in_trouble().names(), Delivery.objects.due(now).by_mail()
    if relay_name() in failing:
        return _claim_relay_probe(holder, announcement_id, failing, now)
    rows: list[ClaimedDelivery] = []
    if limit and _may_send(announcement_id):
        unimpeded = due.filter(announcement=announcement_id).exclude(destination__in=[*failing, *saturated])
        rows = _claim_rows(holder, unimpeded, limit, now)
    for name in _mail_domains_to_probe(now):
        rows += _claim_probe(holder, due.filter(destination=name), [name], now)
    return rows


def _mail_domains_to_probe(now: datetime) -> list[str]:
    names = Destination.objects.due_for_a_probe(now).order_by("retry_at").names()
    return list(filter(is_mail_domain, names))[:_PROBES]


@transaction.atomic
def claim_posts(holder: int, limit: int, now: datetime, saturated: Collection[str] = ()) -> list[ClaimedDelivery]:
    """Claim webhook and chat posts, of all announcements: there are few, and they do not go through a relay.

    Codes come first, because their readers wait for them, and the statuses of components last. Raises HolderLost.
    """
    holders.require(holder)
    due = component_posts.without_overtaking(Delivery.objects.due(now).posted(), now)
    unimpeded = due.exclude(destination__in=[*Destination.objects.in_trouble().names(), *saturated])
    is_component = Q(letter=Delivery.Letter.COMPONENT)
    rows: list[ClaimedDelivery] = []
    for announcement_id in _announcement_ids(unimpeded.exclude(is_component)):
        if len(rows) < limit and _may_send(announcement_id):
            announced = unimpeded.exclude(is_component).filter(announcement=announcement_id)
            rows += _claim_rows(holder, announced, limit - len(rows), now)
    if len(rows) < limit:
        rows += _claim_rows(holder, unimpeded.filter(is_component), limit - len(rows), now)
    for name in filter(is_webhook, Destination.objects.due_for_a_probe(now).names()):
        rows += _claim_probe(holder, due.filter(destination=name), [name], now)
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


def _claim_relay_probe(
    holder: int, announcement_id: int | None, failing: Collection[str], now: datetime
) -> list[ClaimedDelivery]:
    # Claim one email to probe the relay with. If all that is due waits for a failing destination, it probes that too.
    relay, due = relay_name(), Delivery.objects.due(now).by_mail()
    unimpeded = due.filter(announcement=announcement_id).exclude(destination__in=failing)
    rows = _claim_probe(holder, unimpeded.order_by("next_attempt_at"), [relay], now)
    for name in _mail_domains_to_probe(now):
        rows = rows or _claim_probe(holder, due.filter(destination=name), [relay, name], now)
    return rows


def _claim_probe(holder: int, due: DeliveryQuerySet, names: list[str], now: datetime) -> list[ClaimedDelivery]:
    # Claim one row to probe the destinations with, unless another worker is probing them.
    #
    # It is the newest message, and every other time the newest that was not tried yet: one mailbox may
    # be deferred for ever, and a server that defers all strangers once accepts only a second attempt.
    found = list(Destination.objects.due_for_a_probe(now).filter(name__in=names))
    if len(found) < len(names):
        return []
    newest = due if due.query.order_by else due.order_by("-pk")
    others = newest.exclude(subscriber__in=[one.last_deferred for one in found])
    untried = [others.filter(attempts=0)] if found[0].failures % 2 else []
    for rows in [*untried, others, newest]:
        for row in _claim_rows(holder, rows, 1, now):
            row.probes = tuple(name for name in names if destinations.claim_probe(name, holder, now))
            if len(row.probes) == len(names) and _may_send(row.announcement_id):
                return [row]
            destinations.return_probes(holder, row.probes)
            give_up(holder, [row])
            return []
    return []


def _claim_rows(holder: int, due: DeliveryQuerySet, limit: int, now: datetime) -> list[ClaimedDelivery]:
    # Lock up to `limit` rows that are not locked; skip those that need not be sent, claim the others.
    # A finer order would sort a million rows, created at the same moment, for every batch.
    ordered = due if due.query.order_by else due.order_by("next_attempt_at")
    columns = {**_RELATED_COLUMNS, **_conditions(now)}
    picked = ordered.select_for_update(skip_locked=True, of=("self",)).annotate(**columns)
    while found := _rows(picked.values(*_DELIVERY_COLUMNS, *columns)[:limit]):
        of_components = component_posts.skip_reasons({row.component_update_id for row in found})
        reasons = {row.id: _skip_reason(row, of_components) for row in found}
        for reason in set(reasons.values()) - {""}:
            skipped = Delivery.objects.filter(id__in=[pk for pk, own in reasons.items() if own == reason])
            transition(skipped, DeliveryState.SKIPPED, skip_reason=reason)
        if kept := [row for row in found if not reasons[row.id]]:
            _set_holder([row.id for row in kept], holder, now)
            return [_claimed_delivery(row, now) for row in kept]
    return []


def _set_holder(ids: list[int], holder: int, now: datetime) -> None:
    # As an array: the ORM would make thousands of parameters.
    statement = f"UPDATE {Delivery._meta.db_table} SET holder = %s, claimed_at = %s WHERE id = ANY(%s)"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(statement, [holder, now, ids])


def _rows(queryset: QuerySet[Delivery, dict[str, Any]]) -> list[Any]:
    # Return named tuples, read in PostgreSQL's binary format: the ORM takes longer for a row than all else in a claim.
    sql, parameters = queryset.query.sql_with_params()
    connection.ensure_connection()
    # The parameters become part of the text, as in the ORM: with them apart, the ledger's setting of the connection
    # would make a plan that suits any.
    statement = psycopg.ClientCursor(connection.connection).mogrify(sql, parameters)
    with (
        connection.wrap_database_errors,
        psycopg.Cursor(connection.connection, row_factory=namedtuple_row) as cursor,
    ):
        return cursor.execute(statement, binary=True).fetchall()


def give_up(holder: int, rows: Iterable[ClaimedDelivery]) -> None:
    """End the claims on rows that were not started."""
    by_claim = defaultdict[datetime, list[int]](list)
    for row in rows:
        by_claim[row.claimed_at].append(row.id)
    for claimed_at, ids in by_claim.items():
        claimed = Delivery.objects.waiting().filter(pk__in=ids, holder=holder, claimed_at=claimed_at)
        claimed.update(holder=None, claimed_at=None)


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


def _conditions(now: datetime) -> dict[str, Any]:
    # What is decided of a row by PostgreSQL, because a time takes Python longer to read than all other columns.
    # Lookups, because a Q would make outer joins, which lead PostgreSQL to sort all rows for every batch.
    update, incident = "announcement__update", "announcement__update__incident"
    return {
        "is_paused": GreaterThan(F("subscriber__paused_until"), Value(now)),
        "is_withdrawn": IsNull(F(f"{incident}__published_at"), True) | IsNull(F(f"{update}__published_at"), True),
        "starts_later": GreaterThan(F(f"{incident}__scheduled_for"), Value(now)),
        "is_superseded": _is_superseded(),
        "is_unfollowed": _is_unfollowed(),
    }


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


def _is_unfollowed() -> Exists:
    # Match rows that were in flight when the subscriber unfollowed the incident, and are waiting again.
    incident = OuterRef("announcement__update__incident")
    choices = IncidentChoice.objects.confirmed().filter(incident=incident, subscriber=OuterRef("subscriber"))
    return Exists(choices.filter(told=False))


def _skip_reason(row: Any, of_components: dict[str | None, str]) -> str:
    # Return the reason to skip a due row; empty if it is to be sent.
    state = row.subscriber_state
    if row.letter not in {Delivery.Letter.UPDATE, Delivery.Letter.COMPONENT}:
        unsubscribed = state == Subscriber.State.UNSUBSCRIBED and row.letter != Delivery.Letter.MANAGE
        return SkipReason.UNSUBSCRIBED if unsubscribed or not row.endpoint else ""
    if state != Subscriber.State.ACTIVE:
        return _STATE_REASONS[state]
    if row.is_paused:
        return SkipReason.PAUSED
    if row.letter == Delivery.Letter.COMPONENT:
        return of_components[row.component_update_id]
    return _skip_reason_of_update(row)


def _skip_reason_of_update(row: Any) -> str:
    if row.is_withdrawn:
        return SkipReason.WITHDRAWN
    if row.is_unfollowed:
        return SkipReason.UNFOLLOWED
    is_ahead = row.incident_phase == Phase.SCHEDULED and row.starts_later
    if row.announcement_reason == Announcement.Reason.REMINDER and not is_ahead:
        return SkipReason.TOO_LATE
    return SkipReason.SUPERSEDED if row.is_superseded else ""


def _claimed_delivery(row: Any, claimed_at: datetime) -> ClaimedDelivery:
    # Messages about a webhook subscription are sent to its owner, by email.
    by_email = row.channel == Subscriber.Channel.EMAIL
    address = (by_email and row.owner) or row.endpoint
    return ClaimedDelivery(
        claimed_at=claimed_at, address=address, **dict(zip(_COPIED, _copied_values(row), strict=True))
    )
