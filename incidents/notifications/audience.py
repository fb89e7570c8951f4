"""The audience of an announcement: one rule both for counting it and for creating its deliveries.

Also the audience of a component update: only the webhooks that are notified.

Every confirmed subscriber gets a delivery; those who are not notified get one that is
skipped, with the reason. Unconfirmed and unsubscribed people get no row: they are not
part of the audience, and their addresses must not accumulate in the ledger
(STANDARDS section 5).
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Case, CharField, Count, Exists, F, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce, Concat
from django.utils import timezone

from ..models import (
    WAITING,
    Announcement,
    ComponentUpdate,
    Delivery,
    DeliveryState,
    Incident,
    IncidentChoice,
    SkipReason,
    Subscriber,
    Update,
)
from ..status import Kind
from . import addressing
from .ledger import mx

# With more new rows than this, PostgreSQL needs new statistics: with the old ones it would use
# nested loops over the whole table in the queries that follow.
_ANALYZE_ABOVE = 1_000

# The states of messages that a recipient has got, or may get at this moment.
_GOT = (DeliveryState.SENT, DeliveryState.SENDING, DeliveryState.UNCERTAIN)

# Who was notified of maintenance within this time is not reminded of it.
_RECENT = timedelta(hours=1)

# Subscribers who follow single incidents only are not part of the audience of any other.
_WANTS_ANY = Q(wants_incidents=True) | Q(wants_maintenance=True)


def count(kind: str, component_ids: Collection[str], incident_id: str = "") -> dict[tuple[str, str], int]:
    """Return how many people an update would reach, as `{(channel, language): people}` in a fixed order."""
    return _counted(_members(kind, component_ids, incident_id))


def count_translated(update: Update, languages: Collection[str]) -> dict[tuple[str, str], int]:
    """As `count`, of subscribers of these languages who got the update in another one, and still want it in theirs."""
    return _counted(_translated(update, languages, _GOT))


def _counted(members: "QuerySet[Any]") -> dict[tuple[str, str], int]:
    notified = members.filter(reason="").order_by("channel", "message_language")
    groups = notified.values_list("channel", "message_language").annotate(people=Count("pk"))
    return {(channel, language): people for channel, language, people in groups}


def affected_component_ids(incident: Incident) -> list[str]:
    """Return the ids of all components that its public updates named: followers of any of them get every update."""
    named = incident.updates.public().filter(affected__isnull=False)
    return sorted(named.values_list("affected__component_id", flat=True).distinct())


def expand(announcement: Announcement, now: datetime) -> int:
    """Create one delivery per member of the audience, in one statement, and return their number.

    It does nothing if there are deliveries already. Message-ID and Date are fixed here. With a
    million rows it matters that they are inserted in the order of the indexes, and that
    PostgreSQL need not check each for a conflict: the caller has locked the announcement.
    """
    if announcement.deliveries.exists():
        return 0
    same_for_all = {"announcement_id": announcement.pk, "letter": Delivery.Letter.UPDATE, **_same_for_all(now)}
    return _insert(same_for_all, *_per_subscriber(announcement))


def expand_component_update(update: ComponentUpdate, now: datetime) -> int:
    """Create one delivery per webhook to notify, in one statement, and return their number.

    Nothing is recorded about other subscribers. The caller has locked the component update.
    """
    same_for_all = {
        "component_update_id": update.pk,
        "letter": Delivery.Letter.COMPONENT,
        "state": DeliveryState.QUEUED,
        "skip_reason": "",
        **_same_for_all(now),
    }
    source = {
        "subscriber_id": "pk",
        "channel": "channel",
        "language": "message_language",
        "message_id": "message_id_",
        "destination": "destination_",
    }
    rows = _webhooks(update).annotate(message_id_=_message_id(update.pk), destination_=addressing.WEBHOOK_ORIGIN)
    return _insert(same_for_all, list(source), _in_order_of_ids(rows, source))


def _insert(same_for_all: dict[str, Any], columns: list[str], audience: tuple[str, tuple[Any, ...]]) -> int:
    # Insert a delivery for each row that the query `audience` selects.
    select, values = audience
    statement = (
        f"INSERT INTO {Delivery._meta.db_table} ({', '.join([*same_for_all, *columns])}) "  # noqa: S608 - own names
        f"SELECT {', '.join(['%s'] * len(same_for_all))}, audience.* FROM ({select}) AS audience"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [*same_for_all.values(), *values])
        added = int(cursor.rowcount)
        if added > _ANALYZE_ABOVE:
            cursor.execute(f"ANALYZE {Delivery._meta.db_table}")
    return added


def _per_subscriber(announcement: Announcement) -> tuple[list[str], tuple[str, tuple[Any, ...]]]:
    # Return the columns that differ from delivery to delivery, and the query that selects their values.
    state = Case(When(reason="", then=Value(DeliveryState.QUEUED)), default=Value(DeliveryState.SKIPPED))
    mx_group = mx.group_expression("domain_")
    rows = _audience(announcement).annotate(
        state_=state,
        message_id_=_message_id(announcement.pk),
        domain_=addressing.MAIL_DOMAIN,
        destination_=Case(When(channel="email", then=mx_group), default=addressing.WEBHOOK_ORIGIN),
    )
    source = {
        "subscriber_id": "pk",
        "channel": "channel",
        "language": "message_language",
        "state": "state_",
        "skip_reason": "reason",
        "message_id": "message_id_",
        "destination": "destination_",
    }
    return list(source), _in_order_of_ids(rows, source)


def _audience(announcement: Announcement) -> "QuerySet[Any]":
    if announcement.reason == Announcement.Reason.TRANSLATION:
        return _translated(announcement.update, announcement.languages, [*_GOT, *WAITING])
    incident = announcement.update.incident
    members = _members(incident.kind, affected_component_ids(incident), incident.pk)
    return _not_reminded_yet(members, incident) if announcement.reason == Announcement.Reason.REMINDER else members


def _not_reminded_yet(members: "QuerySet[Any]", incident: Incident) -> "QuerySet[Any]":
    # Skip members who got a message about the maintenance within the last hour, or are about to.
    messages = Delivery.objects.annotate(last=Coalesce("sent_at", "created_at")).filter(
        announcement__in=list(Announcement.objects.filter(update__incident=incident).values_list("pk", flat=True)),
        subscriber=OuterRef("pk"),
        state__in=[*_GOT, *WAITING],
        last__gt=timezone.now() - _RECENT,
    )
    known = When(Exists(messages), reason="", then=Value(SkipReason.NOTIFIED_RECENTLY))
    reminded: QuerySet[Any] = members.annotate(reason=Case(known, default=F("reason"), output_field=CharField()))
    return reminded


def _translated(update: Update, languages: Collection[str], states: Collection[str]) -> "QuerySet[Any]":
    # Return the members whose language is one of these and whose message of the update is in one of these states.
    #
    # A waiting message may have been rendered already, without the translation. The translation supersedes it.
    incident = update.incident
    messages = Delivery.objects.filter(
        announcement__in=list(update.announcements.released().values_list("pk", flat=True)),
        subscriber=OuterRef("pk"),
        language=OuterRef("message_language"),
        state__in=states,
    )
    members = _members(incident.kind, affected_component_ids(incident), incident.pk)
    return members.filter(Exists(messages), message_language__in=list(languages))


def _message_id(subject: int | str) -> Concat:
    first, last = Value(f"<{subject}."), Value(f"@{settings.SITE_HOST}>")
    return Concat(first, "pk", last, output_field=CharField())


def _in_order_of_ids(rows: "QuerySet[Any]", source: dict[str, str]) -> tuple[str, tuple[Any, ...]]:
    return rows.order_by("pk").values_list(*source.values()).query.sql_with_params()


def _same_for_all(now: datetime) -> dict[str, Any]:
    # Return the columns that have one value in all deliveries.
    return {
        "attempts": 0,
        "times_uncertain": 0,
        "next_attempt_at": now,
        "dated_at": now.replace(microsecond=0),
        "created_at": now,
        "reply": "",
    }


def _members(kind: str, component_ids: Collection[str], incident_id: str) -> "QuerySet[Any]":
    # Return all confirmed subscribers, annotated with `reason` (empty: notified) and `message_language`.
    #
    # Subscribers who follow single incidents only are not included for any other.
    confirmed = Subscriber.State.ACTIVE, Subscriber.State.SUSPENDED
    return (
        Subscriber.objects.filter(_WANTS_ANY | _chose(incident_id, follows=True), state__in=confirmed)
        .order_by()
        .annotate(reason=_reason(kind, component_ids, incident_id), message_language=_message_language())
    )


def _message_language() -> Case:
    languages = [code for code, _name in settings.LANGUAGES]
    return Case(When(language__in=languages, then=F("language")), default=Value(settings.LANGUAGE_CODE))


def _webhooks(update: ComponentUpdate) -> "QuerySet[Any]":
    # Return the active webhooks that chose this component, or no particular ones, annotated with `message_language`.
    chosen = Subscriber.components.through.objects.filter(subscriber_id=OuterRef("pk"))
    wanted = ~Exists(chosen) | Exists(chosen.filter(component_id=update.component_id))
    paused = Q(paused_until__gt=timezone.now())
    webhooks = Subscriber.objects.active().filter(_WANTS_ANY, wanted, channel=Subscriber.Channel.WEBHOOK)
    return webhooks.exclude(paused).annotate(message_language=_message_language())


def _chose(incident_id: str, *, follows: bool) -> Q:
    # Match subscribers who follow, or unfollowed, this very incident; a subquery that runs once, not per row.
    choices = IncidentChoice.objects.confirmed().filter(incident=incident_id, told=follows)
    return Q(pk__in=choices.values("subscriber"))


def _reason(kind: str, component_ids: Collection[str], incident_id: str) -> Case:
    # Return the skip reason as an expression; an empty text for subscribers who are notified.
    #
    # Subscribers who chose components are notified about those only, all others about
    # everything, including incidents without components. A choice about this very incident
    # overrides both.
    chosen = Subscriber.components.through.objects.filter(subscriber_id=OuterRef("pk"))
    wanted = Q(wants_maintenance=True) if kind == Kind.MAINTENANCE else Q(wants_incidents=True)
    follows_others = Exists(chosen) & ~Exists(chosen.filter(component_id__in=list(component_ids)))
    return Case(
        When(state=Subscriber.State.SUSPENDED, then=Value(SkipReason.SUSPENDED)),
        When(paused_until__gt=timezone.now(), then=Value(SkipReason.PAUSED)),
        When(_chose(incident_id, follows=False), then=Value(SkipReason.UNFOLLOWED)),
        When(_chose(incident_id, follows=True), then=Value("")),
        When(~wanted, then=Value(SkipReason.OTHER_KIND)),
        When(follows_others, then=Value(SkipReason.OTHER_COMPONENTS)),
        default=Value(""),
        output_field=CharField(),
    )
