"""The JSON objects of the Statuspage API for pages, components and incidents.

They are published under `/api/v2/`, returned by the write API and sent to webhooks.
Keys, their order and their types are those of the original; `details` is an additional
key. Texts are in the active language, times in the active time zone. If a text is in
another language, `details.languages` names it.

Each function returns JSON-ready data. Related rows must be prefetched: `updates` newest
first, each with its `affected` components.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import get_language, pgettext

from . import links, markup
from .claims import has_begun
from .models import REMINDERS, Component, ComponentGroup, Incident, Page, Update
from .status import ComponentStatus, Phase, worst_of
from .text import Text
from .wording import quote_heading, reader_passage

Json = dict[str, Any]

NO_PAGE = "0" * 12  # the id of a page that is not set up yet
_UTC = {"UTC", "Etc/UTC", "Etc/UCT", "UCT", "Zulu", "Etc/Zulu", "Universal", "Etc/Universal"}

# Their status for our phase, if it differs.
_STATUSES = {Phase.MITIGATED: "monitoring", Phase.CANCELLED: "completed"}
_INDICATORS = {
    ComponentStatus.OPERATIONAL: "none",
    ComponentStatus.UNDER_MAINTENANCE: "maintenance",
    ComponentStatus.DEGRADED_PERFORMANCE: "minor",
    ComponentStatus.PARTIAL_OUTAGE: "major",
    ComponentStatus.MAJOR_OUTAGE: "critical",
}


def moment(value: datetime) -> str:
    """Return ISO 8601 with three decimals in the active time zone, with `Z` for UTC, else the offset."""
    zone = timezone.get_current_timezone()
    if str(zone) in _UTC:
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"
    return value.astimezone(zone).isoformat(timespec="milliseconds")


def status_of(phase: str) -> str:
    """Return the status for a phase: `mitigated` is “monitoring” and `cancelled` is “completed”."""
    return _STATUSES.get(Phase(phase), phase)


def phase_of(status: str) -> Phase:
    """Return the phase for a status or phase; ValueError if it is neither."""
    return Phase.MITIGATED if status == "monitoring" else Phase(status)


def page_id(page: Page) -> str:
    return NO_PAGE if page._state.adding else page.pk


def page_shape(page: Page, updated_at: datetime) -> Json:
    return {
        "id": page_id(page),
        "name": _line(page.name) or "Status",
        "url": links.absolute("/").removesuffix("/"),
        "time_zone": page.time_zone,
        "updated_at": moment(updated_at),
    }


def status_shape(overall: ComponentStatus) -> Json:
    """Return the overall state, as at the top of the page."""
    return {"indicator": _INDICATORS[overall], "description": _descriptions()[overall]}


def component_shape(component: Component, page: Page) -> Json:
    return {
        "id": component.pk,
        "name": _line(component.name),
        "status": component.status,
        "created_at": moment(component.created_at),
        "updated_at": moment(component.updated_at),
        "position": component.position,
        "description": _line(component.description) or None,
        "showcase": True,
        "start_date": component.start_date.isoformat() if component.start_date else None,
        "group_id": component.group_id,
        "page_id": page_id(page),
        "group": False,
        "only_show_if_degraded": False,
        **_details(languages=_foreign(name=component.name, description=component.description)),
    }


def group_shape(group: ComponentGroup, components: Sequence[Component], page: Page) -> Json:
    """Return a group as one of the components; its status is the worst of its members."""
    return {
        "id": group.pk,
        "name": _line(group.name),
        "status": worst_of(component.status for component in components).value,
        "created_at": moment(group.created_at),
        "updated_at": moment(group.updated_at),
        "position": group.position,
        "description": _line(group.description) or None,
        "showcase": True,
        "start_date": None,
        "group_id": None,
        "page_id": page_id(page),
        "group": True,
        "only_show_if_degraded": False,
        "components": [component.pk for component in components],
        **_details(languages=_foreign(name=group.name, description=group.description)),
    }


def incident_shape(incident: Incident, updates: Sequence[Update], page: Page) -> Json:
    """Return an incident or maintenance with all updates. Times are those shown to readers."""
    first = updates[-1] if updates else None
    begun = has_begun(incident.phase, (update.phase for update in updates))
    transitions = _transitions(updates)
    shape = {
        "id": incident.pk,
        "name": _line(incident.title),
        "status": status_of(incident.phase),
        "created_at": moment(first.at if first else incident.started_at),
        "updated_at": moment(changed_at(incident, updates)),
        "monitoring_at": _moment_of(updates, Phase.MITIGATED),
        "resolved_at": moment(incident.ended_at) if incident.ended_at else None,
        "impact": incident.impact,
        "shortlink": links.absolute(links.incident(incident.pk, get_language() or settings.LANGUAGE_CODE)),
        # As in the original, planned work starts with its creation; `scheduled_for` says when the work does.
        "started_at": moment(first.at if first and not begun else incident.started_at),
        "page_id": page_id(page),
        "incident_updates": [update_shape(update, transitions[update.pk]) for update in updates],
        "components": [component_shape(component, page) for component in _touched(updates)],
    }
    if incident.scheduled_for and incident.scheduled_until:
        shape["scheduled_for"] = moment(incident.scheduled_for)
        shape["scheduled_until"] = moment(incident.scheduled_until)
    return {**shape, **_incident_details(incident)}


def changed_at(incident: Incident, updates: Iterable[Update]) -> datetime:
    """Return when readers last saw a change: of an update, the title or the planned time."""
    changes = [incident.revised_at, *(update.changed_at for update in updates)]
    return max((change for change in changes if change), default=incident.started_at)


def update_shape(update: Update, affected: list[Json]) -> Json:
    """Return an update; `affected_components` is null if it has none, as clients expect."""
    details: Json = {"phase": update.phase, "languages": _foreign(body=update.text)}
    if update.quote:
        details["quote"] = {"body": update.quote, "language": update.quote_language, "url": update.quote_url or None}
    at = moment(update.at)
    return {
        "id": update.pk,
        "status": status_of(update.phase),
        "body": body(update),
        "incident_id": update.incident_id,
        "created_at": at,
        "updated_at": moment(update.changed_at),
        "display_at": at,
        "affected_components": affected or None,
        "deliver_notifications": update.notify,
        "custom_tweet": None,
        "tweet_id": None,
        **_details(**details),
    }


def body(update: Update) -> str:
    """Return the text and the quoted statement without markup: many clients show nothing else."""
    parts = [_plain(update.text)]
    if update.quote:
        heading = quote_heading(update.incident.upstream_name, update.quote_language)
        parts += [f"{heading}:", markup.plain(update.quote)]
    return markup.clean("\n\n".join(part for part in parts if part))


def _transitions(updates: Sequence[Update]) -> dict[str, list[Json]]:
    # Return, by update, what the incident said of each component before the update and says since.
    #
    # Planned work changes nothing before it begins, and what is over affects nothing.
    known: dict[str, str] = {}
    transitions: dict[str, list[Json]] = {}
    for update in reversed(updates):
        transitions[update.pk] = []
        for row in update.affected.all():
            leaves = update.phase == Phase.SCHEDULED or update.is_final
            new = ComponentStatus.OPERATIONAL.value if leaves else row.status
            # An incident that was over when it was opened gives the status that the component had until then.
            old = known.get(row.component_id, row.status if update.is_final else ComponentStatus.OPERATIONAL.value)
            known[row.component_id] = new
            if not row.component.hidden:
                transitions[update.pk].append(_transition(row.component, old, new))
    return transitions


def _transition(component: Component, old: str, new: str) -> Json:
    return {"code": component.pk, "name": _line(component.name), "old_status": old, "new_status": new}


def _touched(updates: Iterable[Update]) -> list[Component]:
    # Return the components that any update affects, as they are now, each once.
    rows = (row for update in updates for row in update.affected.all())
    return sorted({row.component for row in rows if not row.component.hidden}, key=_order)


def _order(component: Component) -> tuple[int, datetime, str]:
    return component.position, component.created_at, component.pk


def _moment_of(updates: Iterable[Update], phase: Phase) -> str | None:
    times = [update.at for update in updates if update.phase == phase]
    return moment(min(times)) if times else None


def _incident_details(incident: Incident) -> Json:
    # Return the fields that the original API lacks.
    names = ("user_impact", "scope", "workaround", "root_cause", "next_steps")
    texts = {name: getattr(incident, name) for name in names}
    plain_texts = {name: _plain(text) or None for name, text in texts.items()}
    return _details(
        phase=incident.phase,
        next_update_by=moment(incident.next_update_by) if incident.next_update_by else None,
        **plain_texts,
        root_cause_status=incident.root_cause_status,
        **_automatic(incident),
        upstream={"name": incident.upstream_name or None, "url": incident.upstream_url or None},
        languages=_foreign(name=incident.title, **texts),
    )


def _automatic(incident: Incident) -> Json:
    # Return what happens automatically to maintenance; the original has these fields in its webhooks.
    if not incident.is_maintenance:
        return {}
    return {
        "scheduled_remind_prior": any(getattr(incident, name) for name in REMINDERS),
        "scheduled_auto_in_progress": incident.auto_start,
        "scheduled_auto_completed": incident.auto_complete,
    }


def _details(**fields: Any) -> Json:
    return {"details": fields}


def _plain(text: Text) -> str:
    return markup.plain(reader_passage(text).text) if text else ""


def _line(text: Text) -> str:
    return _as_line(reader_passage(text).text) if text else ""


@lru_cache(1000)  # an incident names the same components as the one before
def _as_line(text: str) -> str:
    return markup.clean(" ".join(markup.clean(text).split()))


def _foreign(**texts: Text) -> Mapping[str, str]:
    # Return the languages of the texts that are not in the reader's language.
    passages = {name: reader_passage(text) for name, text in texts.items() if text}
    return {name: passage.language for name, passage in passages.items() if not passage.is_own}


def _descriptions() -> dict[ComponentStatus, str]:
    # Return their sentence for each state; in English it is exact, since clients compare it.
    return {
        ComponentStatus.OPERATIONAL: pgettext("Statuspage API", "All Systems Operational"),
        ComponentStatus.UNDER_MAINTENANCE: pgettext("Statuspage API", "Service Under Maintenance"),
        ComponentStatus.DEGRADED_PERFORMANCE: pgettext("Statuspage API", "Partially Degraded Service"),
        ComponentStatus.PARTIAL_OUTAGE: pgettext("Statuspage API", "Partial System Outage"),
        ComponentStatus.MAJOR_OUTAGE: pgettext("Statuspage API", "Major Service Outage"),
    }
