"""Incidents and maintenance: list, open, update, withdraw."""

from http import HTTPStatus
from typing import Annotated, Any

from django.db.models import Q
from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_noop
from ninja import Query, Router

from .. import operations
from ..models import Incident, Update
from ..models.incidents import IncidentQuerySet
from ..status import FINAL_PHASES
from . import answers, posting, schemas, shapes, statements
from .answers import as_json, documented
from .idempotency import once
from .requests import actor, needs_to_see_incidents

router = Router(tags=["incidents"])
MOST = 100  # incidents in one answer, as in the original
_LIST, _ONE = documented(list[answers.ApiIncident]), documented(answers.ApiIncident)


@router.get("/incidents", response=_LIST, summary=gettext_noop("The newest incidents and maintenance"))
def listed(
    request: HttpRequest,
    q: str = "",
    limit: Annotated[int, Query(ge=1, le=MOST)] = MOST,
    page: Annotated[int, Query(ge=1, le=10_000)] = 1,
) -> Any:
    """`q` searches as the newsroom does."""
    needs_to_see_incidents(request)
    found = _public().containing(q) if q.strip() else _public().newest_first()
    return _page_of(found, limit, page)


@router.get("/incidents/unresolved", response=_LIST, summary=gettext_noop("Incidents that are not over"))
def unresolved(request: HttpRequest) -> Any:
    needs_to_see_incidents(request)
    return as_json(shapes.incidents(_public().incidents().ongoing().worst_first()))


@router.get("/incidents/scheduled", response=_LIST, summary=gettext_noop("Maintenance that is not over"))
def scheduled(request: HttpRequest) -> Any:
    needs_to_see_incidents(request)
    return as_json(shapes.incidents(_public().maintenances().exclude(phase__in=FINAL_PHASES).in_planned_order()))


@router.get("/incidents/upcoming", response=_LIST, summary=gettext_noop("Maintenance that has not started"))
def upcoming(request: HttpRequest) -> Any:
    needs_to_see_incidents(request)
    return as_json(shapes.incidents(_public().maintenances().upcoming()))


@router.get("/incidents/active_maintenance", response=_LIST, summary=gettext_noop("Maintenance in progress"))
def active_maintenance(request: HttpRequest) -> Any:
    needs_to_see_incidents(request)
    return as_json(shapes.incidents(_public().maintenances().ongoing().in_planned_order()))


@router.get("/incidents/{incident_id}", response=_ONE, summary=gettext_noop("One incident or maintenance"))
def one(request: HttpRequest, incident_id: str) -> Any:
    needs_to_see_incidents(request)
    return as_json(shapes.incident(find(incident_id)))


@router.post(
    "/incidents",
    response=documented(answers.ApiIncident, HTTPStatus.CREATED),
    summary=gettext_noop("Open an incident, or schedule maintenance"),
)
def opened(request: HttpRequest, body: schemas.IncidentBody) -> Any:
    """With `scheduled_for` and `scheduled_until` it is maintenance. `Idempotency-Key` makes a repetition harmless."""
    return once(
        request, HTTPStatus.CREATED, lambda: shapes.incident(posting.open_incident(body.incident, actor(request)))
    )


@router.api_operation(
    ["PATCH", "PUT"],
    "/incidents/{incident_id}",
    response=_ONE,
    summary=gettext_noop("Change an incident, or post an update"),
)
def changed(request: HttpRequest, incident_id: str, body: schemas.IncidentBody) -> Any:
    """`status`, `body` and `components` add an update; the other fields change the incident itself."""
    return once(
        request,
        HTTPStatus.OK,
        lambda: shapes.incident(posting.change_incident(find(incident_id), body.incident, actor(request))),
    )


@router.delete("/incidents/{incident_id}", response=_ONE, summary=gettext_noop("Withdraw an incident"))
def withdrawn(request: HttpRequest, incident_id: str) -> Any:
    """It disappears from everything public. Staff can still see it, and publish it again."""

    def withdraw() -> Any:
        incident = find(incident_id)
        answer = shapes.incident(incident)
        operations.withdraw(incident=incident, by=actor(request))
        return answer

    return once(request, HTTPStatus.OK, withdraw)


@router.api_operation(
    ["PATCH", "PUT"],
    "/incidents/{incident_id}/incident_updates/{update_id}",
    response=documented(answers.IncidentUpdate),
    summary=gettext_noop("Correct an update"),
)
def corrected(request: HttpRequest, incident_id: str, update_id: str, body: schemas.IncidentUpdateBody) -> Any:
    """Readers see that it was edited. `deliver_notifications` announces the correction; it is off by default."""

    def correct() -> Any:
        update = get_object_or_404(Update.objects.public(), pk=update_id, incident=find(incident_id))
        given = body.incident_update
        text = statements.changed_text(update.text, given.body, given.translations, "body")
        notify = given.deliver_notifications
        changed = operations.correct_update(update=update, text=text, notify=notify, by=actor(request))
        found = shapes.incident(changed.incident)["incident_updates"]
        return next(row for row in found if row["id"] == update_id)

    return once(request, HTTPStatus.OK, correct)


def _public() -> IncidentQuerySet:
    return Incident.objects.public()


def find(incident_id: str) -> Incident:
    """Return an incident: drafts too, for programs that write them; withdrawn incidents count as deleted."""
    found = Incident.objects.filter(Q(withdrawn_at=None), pk=incident_id).first()
    if found is None:
        raise Http404
    return found


def _page_of(rows: IncidentQuerySet, limit: int, page: int) -> Any:
    return as_json(shapes.incidents(rows[(page - 1) * limit : page * limit]))
