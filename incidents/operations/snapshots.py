"""What a form is opened on, so that its verb stores nothing if somebody else changed it since.

A snapshot maps the names of the form's boxes to values as strings: times in UTC (ISO 8601),
localized texts one by one (`text_da`), the status of a component as `component-ID`.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

from django.conf import settings

from ..merging import Snapshot
from ..models import (
    REMINDERS,
    AffectedComponent,
    AlertRule,
    Component,
    ComponentGroup,
    Incident,
    Page,
    Update,
    UpdateTemplate,
)
from ..models.weblinks import MAX_LINKS
from ..status import ComponentStatus, Phase
from ..text import Text
from .statements import BACKDATED

TEXT_FIELDS = ("text", "quote", "quote_language", "quote_url")
# The newest public update of an incident; no box of a form.
NEWEST = "newest"
_ALERT_RULE_FIELDS = ("name", "position", "is_active", "conditions", "component_id", "component_label", "status",
                      "impact", "template_id", "final_template_id", "publish", "notify", "resolve", "group_by", "hold",
                      "quiet", "minimum_open")  # fmt: skip


class Collision(Exception):
    """Somebody else changed what the form was opened on. Nothing is stored; `theirs` is what is stored now."""

    def __init__(self, theirs: Snapshot) -> None:
        super().__init__("changed in the meantime")
        self.theirs = theirs


def check_unchanged(opened: Snapshot | None, current: Snapshot) -> None:
    """Raise Collision if a form was opened on something else. None (no form) is never checked."""
    if opened is not None and dict(opened) != dict(current):
        raise Collision(current)


def check_draft(opened: Snapshot, draft: Update, *, publishing: bool) -> None:
    """As above, for a draft; only publishing also needs that no other update was published since."""
    current = of_draft(draft)
    expected = opened if publishing else {**opened, NEWEST: current[NEWEST]}
    check_unchanged(expected, current)


def of_details(incident: Incident) -> Snapshot:
    names = ("title", "impact", "started_at", "ended_at", "scheduled_for", "scheduled_until", "next_update_by",
             "user_impact", "scope", "workaround", "root_cause", "root_cause_status", "next_steps",
             "upstream_name", "upstream_url")  # fmt: skip
    automatic = ("auto_start", "auto_complete", *REMINDERS) if incident.is_maintenance else ()
    return _snapshot(incident, (*names, *automatic))


def of_state(incident: Incident) -> Snapshot:
    """The state that an update changes: phase, and the components as the public updates have them."""
    statuses = {f"component-{key}": status for key, status in current_statuses(incident).items()}
    return {"phase": incident.phase, **statuses, NEWEST: _newest(incident)}


def of_draft(draft: Update) -> Snapshot:
    """A draft, and the newest public update, because the draft's phase and statuses follow on it."""
    return {**of_draft_alone(draft), NEWEST: _newest(draft.incident)}


def of_draft_alone(draft: Update) -> Snapshot:
    """A draft without what others have published."""
    shown = _snapshot(draft, ("phase", *TEXT_FIELDS, "ended_at", "publish_at", "next_update_by"))
    at = draft.at if draft.at <= draft.created_at - BACKDATED else None
    statuses = {f"component-{key}": status for key, status in draft.affected.values_list("component_id", "status")}
    said = {"at": _value(at), "notify": "yes" if draft.notify else "no"}
    return {**shown, **said, **statuses}


def of_text(update: Update) -> Snapshot:
    """What a correction may change."""
    return _snapshot(update, TEXT_FIELDS)


def of_component(component: Component) -> Snapshot:
    return _snapshot(component, ("name", "description", "group_id", "position", "hidden", "start_date", "slug"))


def of_status(component: Component) -> Snapshot:
    return {"status": component.status}


def of_group(group: ComponentGroup) -> Snapshot:
    return _snapshot(group, ("name", "description", "position"))


def of_template(template: UpdateTemplate) -> Snapshot:
    return _snapshot(template, ("name", "kind", "phase", "title", "text", "position"))


def of_alert_rule(rule: AlertRule) -> Snapshot:
    """All that its form has."""
    return _snapshot(rule, _ALERT_RULE_FIELDS)


def of_page(page: Page) -> Snapshot:
    """The settings, with links by number (`link_1_label_da`, `link_1_address`), and the logo by its file's name."""
    names = ("name", "introduction", "company", "address", "website", "contact", "time_zone", "brand_colour",
             "logo_text")  # fmt: skip
    found = _snapshot(page, names)
    links = dict(enumerate(page.web_links, 1))
    for number in range(1, MAX_LINKS + 1):
        link = links.get(number)
        found |= _languages(f"link_{number}_label", link["label"] if link else Text())
        found[f"link_{number}_address"] = link["address"] if link else ""
    return {**found, "logo_file": page.logo.key if page.logo else ""}


def current_statuses(incident: Incident) -> dict[str, str]:
    """The status of each component according to the incident's newest public update that names it.

    What is over affects no component, even if its final update says how they were affected.
    """
    over = ComponentStatus.OPERATIONAL.value
    return {key: over if Phase(phase).is_final else status for key, status, phase in stated_statuses(incident)}


def stated_statuses(incident: Incident) -> Iterable[tuple[str, str, str]]:
    """Component, status and phase of what public updates say, in the order of the timeline."""
    rows = AffectedComponent.objects.filter(update__incident=incident, update__published_at__isnull=False)
    ordered = rows.order_by("update__at", "update__created_at")
    return ordered.values_list("component_id", "status", "update__phase")


def _newest(incident: Incident) -> str:
    public = incident.updates.filter(published_at__isnull=False).order_by("-published_at", "-id")
    return public.values_list("pk", flat=True).first() or ""


def _snapshot(row: Any, names: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in names:
        value = getattr(row, name)
        # The box of a foreign key has the name of the field.
        found |= _languages(name, value) if isinstance(value, Text) else {name.removesuffix("_id"): _value(value)}
    return found


def _languages(name: str, text: Text) -> dict[str, str]:
    return {f"{name}_{code}": text.get(code, "") for code, _name in settings.LANGUAGES}


def _value(value: Any) -> str:
    match value:
        case None | False:
            return ""
        case True:
            return "on"
        case datetime():
            return value.astimezone(UTC).isoformat()
        case date():
            return value.isoformat()
        case _:
            return str(value)
