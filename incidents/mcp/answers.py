"""What the tools answer: the objects of the API, and drafts in all languages."""

from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.translation import override

from ..api import shapes
from ..models import Component, Incident, Page, Update, overall_status
from ..models.incidents import IncidentQuerySet
from ..statuspage_api import moment, status_of, status_shape

Json = dict[str, Any]


def page() -> Json:
    """The page, its overall status, its languages and its public components."""
    with override(settings.LANGUAGE_CODE):
        status = status_shape(overall_status())
    return {
        "page": shapes.page(Page.objects.current()),
        "status": status,
        "default_language": settings.LANGUAGE_CODE,
        "languages": dict(settings.LANGUAGES),
        "components": shapes.components(Component.objects.public().in_page_order()),
    }


def incidents(rows: IncidentQuerySet) -> Json:
    return {"incidents": shapes.incidents(rows)}


def incident(row: Incident) -> Json:
    """One incident with its drafts; they are none of `incident_updates` if it is public."""
    return {"incident": shapes.incident(row), "drafts": [draft(one) for one in waiting().filter(incident=row)]}


def draft(update: Update) -> Json:
    """An update that is not public, in every language. People find it at `address`."""
    return {
        "update_id": update.pk,
        "incident_id": update.incident_id,
        "kind": update.incident.kind,
        "name": dict(update.incident.title),
        "status": status_of(update.phase),
        "body": dict(update.text),
        "components": {row.component_id: row.status for row in update.affected.all()},
        "deliver_notifications": update.notify,
        "publish_at": moment(update.publish_at) if update.publish_at else None,
        "drafted_by_agent": update.agent or None,
        "address": _address(update),
    }


def _address(update: Update) -> str:
    path = reverse(f"admin:incidents_{update.incident.kind}_draft", args=[update.incident_id, update.pk])
    return f"{settings.SITE_URL}{path}"


def waiting() -> Any:
    """Updates that are not public, those of withdrawn incidents left out, the newest first."""
    rows = Update.objects.filter(published_at=None, incident__withdrawn_at=None)
    return rows.select_related("incident").prefetch_related("affected").order_by("-created_at", "-id")
