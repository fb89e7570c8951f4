"""What a change of an incident's times changes for readers: its duration, and the uptime and status of components."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from .. import operations
from ..formats import duration, percent
from ..models import Component, Incident
from ..operations import Details
from ..operations.effects import named_components
from ..publishing.reading.history import SHOWN_DAYS, histories, shown_since
from ..staff.actors import Actor
from ..wording import passage, state


@dataclass(frozen=True)
class Difference:
    """A fact for readers before and after the change."""

    label: str
    before: str
    after: str


@dataclass(frozen=True)
class Effects:
    duration: Difference | None
    components: list[Difference]

    @property
    def differences(self) -> list[Difference]:
        return [*([self.duration] if self.duration else []), *self.components]


Facts = tuple[str, list[tuple[str, str]]]


def effects_of(incident: Incident, details: Details, by: Actor) -> Effects:
    """Return what saving these details changes, by saving them and rolling back. Raises ValidationError by field."""
    now = timezone.now()
    length, facts = _facts(incident, now)
    with transaction.atomic():
        length_after, facts_after = _facts(operations.edit_incident(incident=incident, details=details, by=by), now)
        transaction.set_rollback(True)
    components = [
        Difference(label, before, after)
        for (label, before), (_label, after) in zip(facts, facts_after, strict=True)
        if before != after
    ]
    changed = length != length_after
    return Effects(Difference(_("Duration"), length, length_after) if changed else None, components)


def _facts(incident: Incident, now: datetime) -> Facts:
    # The duration; and label and value of the uptime and status of each component that readers see.
    components = list(Component.objects.public().filter(pk__in=named_components(incident)).in_page_order())
    found = histories(components, shown_since(now), now)
    facts: list[tuple[str, str]] = []
    for component in components:
        share = found[component.pk].uptime
        facts.append((_uptime_label(component), percent(share) if share is not None else "–"))
        facts.append((format_html(_("{name}: status now"), name=passage(component.name)), state(component.status)))
    return duration((incident.ended_at or now) - incident.started_at, units=3), facts


def _uptime_label(component: Component) -> SafeString:
    return format_html(_("{name}: uptime of the last {days} days"), name=passage(component.name), days=SHOWN_DAYS)
