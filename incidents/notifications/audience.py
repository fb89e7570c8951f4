"""Who is told of an announcement, and why the others are not: one rule for counting and for telling.

A row is written for everybody who confirmed and could be told: those who are not
get the reason. Who has not confirmed or has left gets no row: they are no audience,
and their address must not pile up in a ledger (STANDARDS section 5).
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Case, CharField, Count, Exists, F, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Concat
from django.utils import timezone

from ..models import Announcement, Delivery, DeliveryState, Incident, IncidentChoice, SkipReason, Subscriber
from ..status import Kind
from . import addressing
from .ledger import mx

# Rows that change a table so much that PostgreSQL must look at it again: with yesterday's
# statistics it would compare everybody with everybody in what follows.
_MANY = 1_000

# Who follows single incidents and nothing else is no audience for any other.
_WANTS_ANY = Q(wants_incidents=True) | Q(wants_maintenance=True)


def count(kind: str, component_ids: Collection[str], incident_id: str = "") -> dict[tuple[str, str], int]:
    """How many people an update would reach: `{(channel, language): people}`, in a fixed order."""
    told = _judged(kind, component_ids, incident_id).filter(reason="").order_by("channel", "reads")
    return {
        (channel, language): people
        for channel, language, people in told.values_list("channel", "reads").annotate(people=Count("pk"))
    }


def concerned(incident: Incident) -> list[str]:
    """Ids of the components that the incident's public updates named: their followers hear of each update."""
    named = incident.updates.public().filter(affected__isnull=False)
    return sorted(named.values_list("affected__component_id", flat=True).distinct())


def expand(announcement: Announcement, now: datetime) -> int:
    """One delivery per member of the audience, in one statement; none where that was done before.

    Returns how many rows were added. Message-ID and Date are fixed here. For a million
    it matters that the rows come in the order of the indexes, and that PostgreSQL need
    not look for a conflict before each: whoever expands has locked the announcement.
    """
    if announcement.deliveries.exists():
        return 0
    incident = announcement.update.incident
    rows = _judged(incident.kind, concerned(incident), incident.pk).annotate(
        state_=Case(When(reason="", then=Value(DeliveryState.QUEUED)), default=Value(DeliveryState.SKIPPED)),
        message_id_=Concat(
            Value(f"<{announcement.pk}."), "pk", Value(f"@{settings.SITE_HOST}>"), output_field=CharField()
        ),
        domain_=addressing.MAIL_DOMAIN,
        destination_=Case(When(channel="email", then=mx.grouped("domain_")), default=addressing.WEBHOOK_ORIGIN),
    )
    columns = "subscriber_id channel language state skip_reason message_id destination".split()
    select, values = (
        rows.order_by("pk")
        .values_list("pk", "channel", "reads", "state_", "reason", "message_id_", "destination_")
        .query.sql_with_params()
    )
    same_for_all: dict[str, Any] = {
        "announcement_id": announcement.pk,
        "letter": Delivery.Letter.UPDATE,
        "attempts": 0,
        "times_uncertain": 0,
        "next_attempt_at": now,
        "dated_at": now.replace(microsecond=0),
        "created_at": now,
        "reply": "",
    }
    statement = (
        f"INSERT INTO {Delivery._meta.db_table} ({', '.join([*same_for_all, *columns])}) "  # noqa: S608 - own names
        f"SELECT {', '.join(['%s'] * len(same_for_all))}, audience.* FROM ({select}) AS audience"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [*same_for_all.values(), *values])
        added = int(cursor.rowcount)
        if added > _MANY:
            cursor.execute(f"ANALYZE {Delivery._meta.db_table}")
    return added


def _judged(kind: str, component_ids: Collection[str], incident_id: str) -> "QuerySet[Any]":
    """Everybody who confirmed, with `reason` (empty: is told) and `reads`, the language they are told in.

    Those who follow single incidents are not in it for any other.
    """
    member = Subscriber.State.ACTIVE, Subscriber.State.SUSPENDED
    languages = [code for code, _name in settings.LANGUAGES]
    return (
        Subscriber.objects.filter(_WANTS_ANY | _chose(incident_id, told=True), state__in=member)
        .order_by()
        .annotate(
            reason=_reason(kind, component_ids, incident_id),
            reads=Case(When(language__in=languages, then=F("language")), default=Value(settings.LANGUAGE_CODE)),
        )
    )


def _chose(incident_id: str, *, told: bool) -> Q:
    """Who wants to hear of this very incident, or no more of it: looked up once rather than for everybody."""
    choices = IncidentChoice.objects.confirmed().filter(incident=incident_id, told=told)
    return Q(pk__in=choices.values("subscriber"))


def _reason(kind: str, component_ids: Collection[str], incident_id: str) -> Case:
    """Who chose components hears of those; who chose none hears of all, also of what concerns no component.

    What somebody chose about this incident goes before both.
    """
    choice = Subscriber.components.through.objects.filter(subscriber_id=OuterRef("pk"))
    wanted = Q(wants_maintenance=True) if kind == Kind.MAINTENANCE else Q(wants_incidents=True)
    follows_others = Exists(choice) & ~Exists(choice.filter(component_id__in=list(component_ids)))
    return Case(
        When(state=Subscriber.State.SUSPENDED, then=Value(SkipReason.SUSPENDED)),
        When(paused_until__gt=timezone.now(), then=Value(SkipReason.PAUSED)),
        When(_chose(incident_id, told=False), then=Value(SkipReason.UNFOLLOWED)),
        When(_chose(incident_id, told=True), then=Value("")),
        When(~wanted, then=Value(SkipReason.OTHER_KIND)),
        When(follows_others, then=Value(SkipReason.OTHER_COMPONENTS)),
        default=Value(""),
        output_field=CharField(),
    )
