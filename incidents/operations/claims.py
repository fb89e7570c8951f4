"""Reads claims on components from the database: those of incidents, and those of statuses set by hand."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any

from django.db import connection
from django.db.models import BigIntegerField, Func, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from ..claims import Claim, StatedStatus, Step, claims_of, steps_of
from ..models import ManualStatus
from ..status import FINAL_PHASES, WORK_PHASES, ComponentStatus, Phase

Claims = dict[str, list[Claim]]

EARLIEST = datetime.min.replace(tzinfo=UTC)
_EPOCH = datetime.fromtimestamp(0, UTC)
# In SQL, because each update is published after it, and Django takes longer to write it than PostgreSQL to run it.
# Incidents count that have begun (see `claims.has_begun`). Times are as in `Microseconds`.
_STATEMENTS = """
SELECT affected.component_id, incident.id,
       (EXTRACT(EPOCH FROM incident.started_at) * 1000000)::bigint,
       (EXTRACT(EPOCH FROM incident.ended_at) * 1000000)::bigint,
       affected.status, said.phase, (EXTRACT(EPOCH FROM COALESCE(said.ended_at, said.at)) * 1000000)::bigint,
       said.id = (SELECT opening.id FROM incidents_update opening
                   WHERE opening.incident_id = incident.id AND opening.published_at IS NOT NULL
                   ORDER BY opening.published_at, opening.created_at, opening.at, opening.id LIMIT 1)
  FROM incidents_affectedcomponent affected
  JOIN incidents_update said ON said.id = affected.update_id
  JOIN incidents_incident incident ON incident.id = said.incident_id
 WHERE affected.component_id = ANY(%(components)s)
   AND said.published_at IS NOT NULL AND incident.published_at IS NOT NULL
   AND (%(since)s::timestamptz IS NULL OR incident.ended_at IS NULL OR incident.ended_at >= %(since)s)
   AND incident.phase <> %(scheduled)s
   AND (incident.phase <> %(cancelled)s
        OR EXISTS (SELECT 1 FROM incidents_update begun
                    WHERE begun.incident_id = incident.id AND begun.published_at IS NOT NULL
                      AND begun.phase = ANY(%(work)s)))
 ORDER BY affected.component_id, incident.id, said.at, said.created_at, said.id
"""


def all_claims(components: Collection[str], since: datetime = EARLIEST) -> Claims:
    """Return the claims on each component, by its id, in two queries.

    Claims that end before `since` are left out.
    """
    claims: Claims = defaultdict(list)
    for (component, incident, start, end), rows in groupby(_statements(components, since), key=itemgetter(0, 1, 2, 3)):
        stated = [
            StatedStatus(moment(at), ComponentStatus(status), opens, phase in FINAL_PHASES)
            for *_incident, status, phase, at, opens in rows
        ]
        steps = steps_of(stated, moment(start), moment(end) if end is not None else None)
        claims[component] += claims_of(steps, incident)
    _add_claims_by_hand(claims, components, since)
    return claims


def open_claims(components: Collection[str], *, besides: str = "") -> Claims:
    """Return the claims that hold now and have no end yet, on each component, by its id, in two queries.

    `besides` is the id of an incident whose claims are left out.
    """
    found = all_claims(components, timezone.now()).items()
    others = {key: [one for one in claims if not besides or one.cause != besides] for key, claims in found}
    return {key: unended for key, claims in others.items() if (unended := [one for one in claims if one.end is None])}


class Microseconds(Func):
    """A time as microseconds since 1970: a long history has many, and Django parses them slowly."""

    template = "(EXTRACT(EPOCH FROM %(expressions)s) * 1000000)::bigint"
    output_field = BigIntegerField()


def moment(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def _statements(components: Collection[str], since: datetime) -> list[Any]:
    # What updates say about components, as `_STATEMENTS` returns it: by component and incident, in the order of the
    # timeline.
    with connection.cursor() as cursor:
        cursor.execute(
            _STATEMENTS,
            {
                "components": list(components),
                "since": None if since == EARLIEST else since,
                "scheduled": Phase.SCHEDULED,
                "cancelled": Phase.CANCELLED,
                "work": list(WORK_PHASES),
            },
        )
        return list(cursor.fetchall())


def _add_claims_by_hand(claims: Claims, components: Collection[str], since: datetime) -> None:
    for component, steps in groupby(_set_by_hand(components, since), key=itemgetter(0)):
        claims[component] += claims_of([Step(at, ComponentStatus(status)) for _component, at, status in steps])


def _set_by_hand(components: Collection[str], since: datetime) -> Iterable[tuple[str, datetime, str]]:
    # Statuses set by hand since then, and the last one before it, which holds until then at least.
    before = ManualStatus.objects.filter(component=OuterRef("component"), at__lt=since).order_by("-at", "-pk")
    rows = ManualStatus.objects.filter(component__in=components)
    if since != EARLIEST:
        rows = rows.filter(at__gte=Coalesce(Subquery(before.values("at")[:1]), since))
    return rows.order_by("component_id", "at", "pk").values_list("component_id", "at", "status")
