"""A released announcement, and the states of its deliveries."""

from typing import Any

from django.utils import timezone

from harness.deliveries import release_held
from incidents.models import Announcement, Delivery, Incident
from incidents.notifications.ledger import holders
from incidents.status import Phase
from tests.factories import make_incident, make_statement, make_update
from tests.notifications.times import START as START


def announced(incident: Incident | None = None, **fields: Any) -> Announcement:
    """The released announcement of an update, in a new incident or in the given one."""
    if incident is None:
        incident = make_incident(statement=make_statement(notify=True, **fields))
    else:
        make_update(incident, **{"phase": Phase.MITIGATED, "notify": True, **fields})
    release_held()
    return Announcement.objects.latest("id")


def states(**query: Any) -> dict[str, int]:
    counts: dict[str, int] = {}
    for state in Delivery.objects.filter(**query).values_list("state", flat=True):
        counts[state] = counts.get(state, 0) + 1
    return counts


def new_holder() -> int:
    """A job that claims deliveries, and dies without giving them back."""
    return holders.register(timezone.now())


def claimed() -> dict[str, Any]:
    """The fields of a delivery that such a job has claimed."""
    return {"holder": new_holder(), "claimed_at": timezone.now()}


UNCLAIMED = {"holder": None, "claimed_at": None}
