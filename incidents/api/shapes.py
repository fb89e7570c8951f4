"""What the API answers: the objects of the read API with the keys that only v1 has. Clients require all of them."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.utils.translation import override

from ..models import REMINDERS, Component, ComponentGroup, Incident, Page, Update
from ..models.incidents import IncidentQuerySet
from ..publishing.reading.story import with_timeline
from ..statuspage_api import component_shape, group_shape, incident_shape, moment, page_shape

Json = dict[str, Any]

# Of Twitter, postmortems that are sent separately, and transitions that follow from `scheduled_auto_…`.
_LACKING_IN_UPDATES: Json = {"twitter_updated_at": None, "wants_twitter_update": False}
_LACKING_IN_COMPONENTS: Json = {"automation_email": None}


def page(row: Page) -> Json:
    with override(settings.LANGUAGE_CODE):
        return page_shape(row, row.updated_at)


def incidents(rows: IncidentQuerySet) -> list[Json]:
    """Return these incidents with their public updates, in a number of queries that does not depend on theirs."""
    here = Page.objects.current()
    with override(settings.LANGUAGE_CODE):
        return [_incident(story.incident, story.timeline, here) for story in with_timeline(rows)]


def incident(row: Incident) -> Json:
    """Return one incident; with all of its updates if it is not public."""
    if row.is_public:
        return incidents(Incident.objects.filter(pk=row.pk))[0]
    updates = row.updates.newest_first().prefetch_related("affected__component__group")
    with override(settings.LANGUAGE_CODE):
        return _incident(row, list(updates), Page.objects.current())


def _incident(row: Incident, updates: list[Update], here: Page) -> Json:
    shape = incident_shape(row, updates, here)
    return {
        **shape,
        "incident_updates": [{**one, **_LACKING_IN_UPDATES} for one in shape["incident_updates"]],
        "components": [{**one, **_LACKING_IN_COMPONENTS} for one in shape["components"]],
        "impact_override": row.impact,
        "metadata": {},
        "postmortem_body": None,
        "postmortem_body_last_updated_at": None,
        "postmortem_ignored": False,
        "postmortem_notified_subscribers": False,
        "postmortem_notified_twitter": False,
        "postmortem_published_at": None,
        "scheduled_auto_completed": row.auto_complete,
        "scheduled_auto_in_progress": row.auto_start,
        "auto_transition_deliver_notifications_at_start": row.auto_start,
        "auto_transition_deliver_notifications_at_end": row.auto_complete,
        "auto_transition_to_maintenance_state": row.auto_start,
        "auto_transition_to_operational_state": row.auto_complete,
        "scheduled_for": moment(row.scheduled_for) if row.scheduled_for else None,
        "scheduled_until": moment(row.scheduled_until) if row.scheduled_until else None,
        "scheduled_remind_prior": any(getattr(row, name) for name in REMINDERS),
        "scheduled_reminded_at": None,
        "draft": not row.is_public,
    }


def component(row: Component) -> Json:
    return components([row])[0]


def components(rows: Iterable[Component]) -> list[Json]:
    here = Page.objects.current()
    with override(settings.LANGUAGE_CODE):
        return [{**component_shape(row, here), **_LACKING_IN_COMPONENTS} for row in rows]


def group(row: ComponentGroup) -> Json:
    """Return a group; its public components must be prefetched as `shown`."""
    shown: list[Component] = row.shown  # type: ignore[attr-defined]
    with override(settings.LANGUAGE_CODE):
        found = group_shape(row, shown, Page.objects.current())
    names = ("id", "page_id", "name", "description", "components", "position", "created_at", "updated_at")
    return {name: found[name] for name in names}
