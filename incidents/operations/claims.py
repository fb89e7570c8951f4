"""Reads claims on components from the database: those of incidents, and those of statuses set by hand."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import itemgetter

from django.db.models import BigIntegerField, Exists, Func, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from ..claims import Claim, StatedStatus, Step, claims_of, steps_of
from ..models import AffectedComponent, Incident, ManualStatus, Update
from ..models.incidents import IncidentQuerySet
from ..status import FINAL_PHASES, WORK_PHASES, ComponentStatus, Phase

Claims = dict[str, list[Claim]]

EARLIEST = datetime.min.replace(tzinfo=UTC)
_EPOCH = datetime.fromtimestamp(0, UTC)


def all_claims(components: Collection[str], since: datetime = EARLIEST) -> Claims:
    """Return the claims on each component, by its id, in three queries.

    Claims that end before `since` are left out.
    """
    incidents = Incident.objects.public()
    if since != EARLIEST:
        incidents = incidents.filter(Q(ended_at=None) | Q(ended_at__gte=since))
    claims = claims_of_incidents(components, incidents)
    _add_claims_by_hand(claims, components, since)
    return claims


def open_claims(components: Collection[str], *, besides: str = "") -> Claims:
    """Return the claims that hold now and have no end yet, on each component, by its id, in three queries.

    `besides` is the id of an incident whose claims are left out.
    """
    claims = claims_of_incidents(components, Incident.objects.public().ongoing().exclude(pk=besides))
    _add_claims_by_hand(claims, components, timezone.now())
    return {key: unended for key, found in claims.items() if (unended := [one for one in found if one.end is None])}


def claims_of_incidents(components: Collection[str], incidents: IncidentQuerySet) -> Claims:
    """Return the claims of these incidents on each component, by its id, in two queries."""
    spans = _spans(components, incidents)
    claims: Claims = defaultdict(list)
    for (component, incident), rows in groupby(_statements(components, incidents), key=itemgetter(0, 1)):
        if incident in spans:
            start, end, opening = spans[incident]
            stated = [
                StatedStatus(moment(over or at), ComponentStatus(status), update == opening, phase in FINAL_PHASES)
                for _component, _incident, status, update, phase, at, over in rows
            ]
            claims[component] += claims_of(steps_of(stated, start, end), incident)
    return claims


class Microseconds(Func):
    """A time as microseconds since 1970: a long history has many, and Django parses them slowly."""

    template = "(EXTRACT(EPOCH FROM %(expressions)s) * 1000000)::bigint"
    output_field = BigIntegerField()


def moment(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def _spans(
    components: Collection[str], incidents: IncidentQuerySet
) -> dict[str, tuple[datetime, datetime | None, str]]:
    # Start, end and opening update of each incident that has begun (see `claims.has_begun`), by its id.
    naming = AffectedComponent.objects.filter(
        component__in=components, update__incident=OuterRef("pk"), update__published_at__isnull=False
    )
    public = Update.objects.filter(incident=OuterRef("pk"), published_at__isnull=False)
    begun = public.filter(phase__in=WORK_PHASES)
    found = incidents.filter(Exists(naming), ~Q(phase=Phase.SCHEDULED), ~Q(phase=Phase.CANCELLED) | Exists(begun))
    opening = Subquery(public.order_by("published_at", "created_at", "at", "pk").values("pk")[:1])
    rows = found.order_by().values_list("pk", Microseconds("started_at"), Microseconds("ended_at"), opening)
    return {pk: (moment(start), moment(end) if end is not None else None, update) for pk, start, end, update in rows}


def _statements(
    components: Collection[str], incidents: IncidentQuerySet
) -> Iterable[tuple[str, str, str, str, str, int, int | None]]:
    # What updates say about components: by component and incident, in the order of the timeline.
    rows = AffectedComponent.objects.filter(
        component__in=components, update__published_at__isnull=False, update__incident__in=incidents.order_by()
    )
    times = (Microseconds("update__at"), Microseconds("update__ended_at"))
    ordered = rows.order_by("component_id", "update__incident_id", "update__at", "update__created_at", "update_id")
    return ordered.values_list("component_id", "update__incident_id", "status", "update_id", "update__phase", *times)


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
