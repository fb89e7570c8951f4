"""The body of a webhook: the shape that Statuspage sends to subscribers. Language and zone are active."""

from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import get_language

from ... import links
from ...models import Incident, Page, Update
from ...models.overall import overall_status
from ...status import Phase
from ...statuspage_api import Json, body, incident_shape, moment, page_id, status_shape


def news(page: Page, unsubscribe: str, incident: Incident) -> Json:
    """Return the incident with all its updates, newest first."""
    timeline = incident.updates.public().newest_first().select_related("incident")
    updates = list(timeline.prefetch_related("affected__component"))
    return {**_frame(page, unsubscribe), "incident": _incident(incident, updates, page)}


def verification(page: Page, unsubscribe: str, code: str) -> Json:
    """Return our own extension: the code that the owner has to enter. Clients of incidents ignore it."""
    return {**_frame(page, unsubscribe), "verification": {"code": code}}


def _frame(page: Page, unsubscribe: str) -> Json:
    status = status_shape(overall_status())
    language = get_language() or settings.LANGUAGE_CODE
    return {
        "meta": {
            "unsubscribe": unsubscribe,
            "documentation": links.absolute(links.follow_page(language)),
            "generated_at": moment(timezone.now()),
        },
        "page": {
            "id": page_id(page),
            "status_indicator": status["indicator"],
            "status_description": status["description"],
        },
    }


def _incident(incident: Incident, updates: list[Update], page: Page) -> Json:
    shape = incident_shape(incident, updates, page)
    updates_here = [
        {**one, "wants_twitter_update": False, "twitter_updated_at": None} for one in shape["incident_updates"]
    ]
    return {**_UNUSED, **shape, **_report(updates), "backfilled": False, "incident_updates": updates_here}


# Fields of the original payload without a counterpart here, unless the incident has them.
_UNUSED: dict[str, Any] = {
    "postmortem_ignored": False,
    "postmortem_notified_subscribers": False,
    "postmortem_notified_twitter": False,
    "scheduled_for": None,
    "scheduled_until": None,
    "scheduled_remind_prior": False,
    "scheduled_reminded_at": None,
    "impact_override": None,
    "scheduled_auto_in_progress": False,
    "scheduled_auto_completed": False,
}


def _report(updates: list[Update]) -> Json:
    # Return the fields of the newest postmortem, null if there is none.
    found = next((update for update in updates if update.phase == Phase.POSTMORTEM), None)
    return {
        "postmortem_body": body(found) if found else None,
        "postmortem_body_last_updated_at": moment(found.changed_at) if found else None,
        "postmortem_published_at": moment(found.at) if found else None,
    }
