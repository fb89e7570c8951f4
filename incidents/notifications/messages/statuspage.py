"""The body of a webhook: the shape that Statuspage sends to subscribers. Language and zone are active."""

from itertools import accumulate
from typing import Any

from django.conf import settings
from django.utils.translation import get_language

from ... import links
from ...models import Announcement, ComponentUpdate, Page, Reminder, Update
from ...models.overall import overall_status
from ...status import ComponentStatus, Phase
from ...statuspage_api import Json, body, component_shape, incident_shape, moment, page_id, status_shape
from .chat import encoded


def news(page: Page, unsubscribe: str, announcement: Announcement) -> Json:
    """Return the incident with its updates, newest first: as many as fit, and always the newest."""
    incident = announcement.update.incident
    timeline = incident.updates.public().newest_first().select_related("incident")
    updates = list(timeline.prefetch_related("affected__component"))
    generated_at = max([announcement.created_at, *(update.changed_at for update in updates)])
    frame = {**_meta(unsubscribe, moment(generated_at)), "page": _page(page, overall_status())}
    return _within_limit({**frame, "incident": _incident(announcement, updates, page)})


def component_news(page: Page, unsubscribe: str, update: ComponentUpdate) -> Json:
    """Return the component with its new status, and the change.

    Statuses and times are those of the change, not the present ones, so that every attempt has the same body.
    """
    shape, changed_at = component_shape(update.component, page), moment(update.created_at)
    component = {name: shape[name] for name in _COMPONENT_FIELDS}
    return {
        **_meta(unsubscribe, changed_at),
        "page": _page(page, ComponentStatus(update.page_status)),
        "component_update": {
            "old_status": update.old_status,
            "new_status": update.new_status,
            "created_at": changed_at,
            "component_type": "Component",
            "id": update.pk,
            "component_id": update.component_id,
        },
        "component": {**component, "status": update.new_status, "updated_at": changed_at},
    }


def verification(page: Page, unsubscribe: str, code: str, created_at: str) -> Json:
    """Return our own extension: the code that the owner has to enter. Clients of incidents ignore it.

    The page has no status here: it would differ between attempts.
    """
    return {**_meta(unsubscribe, created_at), "page": {"id": page_id(page)}, "verification": {"code": code}}


def _meta(unsubscribe: str, generated_at: str) -> Json:
    documentation = links.absolute(links.follow_page(get_language() or settings.LANGUAGE_CODE))
    return {"meta": {"unsubscribe": unsubscribe, "documentation": documentation, "generated_at": generated_at}}


def _page(page: Page, overall: ComponentStatus) -> Json:
    status = status_shape(overall)
    return {
        "id": page_id(page),
        "status_indicator": status["indicator"],
        "status_description": status["description"],
    }


def _within_limit(body: Json) -> Json:
    # Leave out the oldest updates of a long incident, and say how many.
    incident = body["incident"]
    updates = incident["incident_updates"]
    sizes = [len(encoded(update)) + 1 for update in updates]
    room = _MAX_BYTES - (len(encoded(body)) - sum(sizes))
    kept = max(sum(size <= room for size in accumulate(sizes)), 1)
    details = {**incident["details"], "updates_left_out": len(updates[kept:])}
    return {**body, "incident": {**incident, "incident_updates": updates[:kept], "details": details}}


def _incident(announcement: Announcement, updates: list[Update], page: Page) -> Json:
    incident = announcement.update.incident
    shape = incident_shape(incident, updates, page)
    updates_here = [
        {**one, "wants_twitter_update": False, "twitter_updated_at": None} for one in shape["incident_updates"]
    ]
    automatic = {name: shape["details"].get(name, False) for name in _AUTOMATIC}
    added = {**_report(updates), "backfilled": False, "incident_updates": updates_here}
    return {**_UNUSED, **shape, **automatic, "scheduled_reminded_at": _reminded_at(announcement), **added}


def _reminded_at(announcement: Announcement) -> str | None:
    # Return when the last reminder up to this announcement was announced.
    sent = Reminder.objects.filter(incident=announcement.update.incident, announcement__lte=announcement.pk)
    reminder = sent.select_related("announcement").last()
    return moment(reminder.announcement.created_at) if reminder else None


# Standard Webhooks advise less than 20 kB; the rest is for the recipient's own values.
_MAX_BYTES = 19_500

_COMPONENT_FIELDS = "status name created_at updated_at position description showcase id page_id group_id".split()

_AUTOMATIC = ("scheduled_remind_prior", "scheduled_auto_in_progress", "scheduled_auto_completed")

# Fields of the original payload without a counterpart here, unless the incident has them.
_UNUSED: dict[str, Any] = {
    "postmortem_ignored": False,
    "postmortem_notified_subscribers": False,
    "postmortem_notified_twitter": False,
    "scheduled_for": None,
    "scheduled_until": None,
    "impact_override": None,
}


def _report(updates: list[Update]) -> Json:
    # Return the fields of the newest postmortem, null if there is none.
    found = next((update for update in updates if update.phase == Phase.POSTMORTEM), None)
    return {
        "postmortem_body": body(found) if found else None,
        "postmortem_body_last_updated_at": moment(found.changed_at) if found else None,
        "postmortem_published_at": moment(found.at) if found else None,
    }
