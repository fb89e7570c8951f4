"""The audience of an announcement: one rule both for counting it and for creating its deliveries.

Also the audience of a component update: only the webhooks that are notified.

Every confirmed subscriber gets a delivery; those who are not notified get one that is
skipped, with the reason. Unconfirmed and unsubscribed people get no row: they are not
part of the audience, and their addresses must not accumulate in the ledger
(STANDARDS section 5).
"""

from collections import Counter
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
    return _counted(_notified(kind, component_ids, incident_id))


def count_translated(update: Update, languages: Collection[str]) -> dict[tuple[str, str], int]:
    """As `count`, of subscribers of these languages who got the update in another one, and still want it in theirs."""
    incident = update.incident
    notified = _notified(incident.kind, affected_component_ids(incident), incident.pk)
    return _counted(_awaiting(notified, update, languages, _GOT))


def _counted(notified: "QuerySet[Any]") -> dict[tuple[str, str], int]:
    # Grouped by stored columns, not by `message_language`, because PostgreSQL would evaluate that for each row.
    people: Counter[tuple[str, str]] = Counter()
    languages = dict(settings.LANGUAGES)
    for channel, language, number in notified.values_list("channel", "language").annotate(people=Count("*")):
        people[channel, language if language in languages else settings.LANGUAGE_CODE] += number
    return dict(sorted(people.items()))


def affected_component_ids(incident: Incident) -> list[str]:
    """Return the ids of all components that its public updates named: followers of any of them get every update."""
    named = incident.updates.public().filter(affected__isnull=False)
    return sorted(named.values_list("affected__component_id", flat=True).distinct())


def expand(announcement: Announcement, now: datetime) -> int:
    """Create one delivery per member of the audience, in one statement, and return their number.

    It does nothing if there are deliveries already. Message-ID and Date are fixed here. PostgreSQL
    need not check each row for a conflict, because the caller has locked the announcement.
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
    return _insert(same_for_all, source, rows)


def _insert(same_for_all: dict[str, Any], source: dict[str, str], audience: "QuerySet[Any]") -> int:
    # Insert a delivery per row of the audience; `source` says which of its fields each other column is filled with.
    #
    # In the order of the indexes that contain the subscriber, which matters with a million rows. OFFSET 0 keeps
    # PostgreSQL from reading the subscribers in that order: sorting them takes a third of the time.
    select, values = audience.values_list(*source.values()).query.sql_with_params()
    statement = (
        f"INSERT INTO {Delivery._meta.db_table} ({', '.join([*same_for_all, *source])}) "  # noqa: S608 - own names
        f"SELECT {', '.join(['%s'] * len(same_for_all))}, audience.* FROM ({select} OFFSET 0) AS audience "
        f"ORDER BY audience.pk"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [*same_for_all.values(), *values])
        added = int(cursor.rowcount)
        if added > _ANALYZE_ABOVE:
            cursor.execute(f"ANALYZE {Delivery._meta.db_table}")
    return added


def _per_subscriber(announcement: Announcement) -> tuple[dict[str, str], "QuerySet[Any]"]:
    # Return the columns that differ from delivery to delivery, with the fields that contain their values, and the rows.
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
    return source, rows


def _audience(announcement: Announcement) -> "QuerySet[Any]":
    update, incident = announcement.update, announcement.update.incident
    members = _members(incident.kind, affected_component_ids(incident), incident.pk)
    if announcement.reason == Announcement.Reason.TRANSLATION:
        return _awaiting(members, update, announcement.languages, [*_GOT, *WAITING])
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


def _awaiting(
    members: "QuerySet[Any]", update: Update, languages: Collection[str], states: Collection[str]
) -> "QuerySet[Any]":
    # Return the members whose language is one of these and whose message of the update is in one of these states.
    #
    # A waiting message may have been rendered already, without the translation. The translation supersedes it.
    messages = Delivery.objects.filter(
        announcement__in=list(update.announcements.released().values_list("pk", flat=True)),
        subscriber=OuterRef("pk"),
        language=OuterRef("message_language"),
        state__in=states,
    )
    return members.filter(Exists(messages), message_language__in=list(languages))


def _message_id(subject: int | str) -> Concat:
    first, last = Value(f"<{subject}."), Value(f"@{settings.SITE_HOST}>")
    return Concat(first, "pk", last, output_field=CharField())


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
    obstacles = _obstacles(kind, component_ids, incident_id).items()
    reasons = [When(obstacle, then=Value(reason)) for reason, obstacle in obstacles]
    reason = Case(*reasons, default=Value(""), output_field=CharField())
    members: QuerySet[Any] = _confirmed(incident_id).annotate(reason=reason)
    return members


def _notified(kind: str, component_ids: Collection[str], incident_id: str) -> "QuerySet[Any]":
    # Return the members without a reason. PostgreSQL joins whole sets here, instead of evaluating a case per row.
    obstacles = _obstacles(kind, component_ids, incident_id).values()
    return _confirmed(incident_id).filter(*(~obstacle for obstacle in obstacles))


def _confirmed(incident_id: str) -> "QuerySet[Any]":
    # Subscribers who follow single incidents only are not included for any other.
    states = Subscriber.State.ACTIVE, Subscriber.State.SUSPENDED
    confirmed = Subscriber.objects.filter(_WANTS_ANY | _chose(incident_id, follows=True), state__in=states)
    return confirmed.order_by().annotate(message_language=_message_language())


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


def _chose(incident_id: str, *, follows: bool, key: str = "pk") -> Q:
    # Match subscribers who follow, or unfollowed, this very incident; a subquery that runs once, not per row.
    if not incident_id:  # a new one
        return Q(pk__in=[])
    choices = IncidentChoice.objects.confirmed().filter(incident=incident_id, told=follows)
    return Q(**{f"{key}__in": choices.values("subscriber")})


def _obstacles(kind: str, component_ids: Collection[str], incident_id: str) -> dict[SkipReason, Q | Exists]:
    # Return the conditions under which a confirmed subscriber is not notified; the first that is met is the reason.
    #
    # Subscribers who chose components are notified about those only, all others about
    # everything, including incidents without components. A choice about this very incident
    # overrides both. Each condition is one set, which PostgreSQL can subtract as a whole.
    follows = _chose(incident_id, follows=True)
    wanted = Q(wants_maintenance=True) if kind == Kind.MAINTENANCE else Q(wants_incidents=True)
    chosen = Subscriber.components.through.objects.all()
    same = chosen.filter(subscriber_id=OuterRef("subscriber_id"), component_id__in=list(component_ids))
    others = chosen.filter(~Exists(same), ~_chose(incident_id, follows=True, key="subscriber_id"))
    return {
        SkipReason.SUSPENDED: Q(state=Subscriber.State.SUSPENDED),
        SkipReason.PAUSED: Q(paused_until__gt=timezone.now()),
        SkipReason.UNFOLLOWED: _chose(incident_id, follows=False),
        SkipReason.OTHER_KIND: ~wanted & ~follows,
        SkipReason.OTHER_COMPONENTS: Exists(others.filter(subscriber_id=OuterRef("pk"))),
    }
