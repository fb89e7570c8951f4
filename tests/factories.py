"""Factories for test objects; they use the verbs of `operations` where there is one."""

from datetime import datetime, timedelta
from itertools import count
from typing import Any

from django.utils import timezone

from incidents import operations
from incidents.models import (
    AlertRule,
    ApiToken,
    Component,
    ComponentGroup,
    Incident,
    Page,
    Subscriber,
    Update,
    UpdateTemplate,
)
from incidents.operations import Details, Statement
from incidents.status import ComponentStatus, Impact, Kind, Phase
from incidents.text import Text
from tests.actors import ANYBODY

_numbers = count(1)


def make_page(**fields: Any) -> Page:
    named = {"name": Text(da="Nordhost driftsstatus", en="Nordhost status"), "company": "Nordhost ApS"}
    return Page.objects.create(**{**named, **fields})


def make_group(**fields: Any) -> ComponentGroup:
    return ComponentGroup.objects.create(**{"name": Text(da="Mail", en="Mail"), **fields})


def make_component(slug: str = "", **fields: Any) -> Component:
    slug = slug or f"component-{next(_numbers)}"
    return Component.objects.create(**{"slug": slug, "name": Text(da=f"{slug} (da)", en=f"{slug} (en)"), **fields})


def make_statement(phase: Phase = Phase.IDENTIFIED, **fields: Any) -> Statement:
    text = Text(da="Vi har fundet fejlen.", en="We have found the fault.")
    return Statement(**{"phase": phase, "text": text, "notify": False, **fields})


def make_incident(
    *,
    statement: Statement | None = None,
    components: dict[Component, ComponentStatus] | None = None,
    draft: bool = False,
    **details: Any,
) -> Incident:
    """Return an open incident with one update; subscribers are notified only if the statement sets `notify`."""
    named: Details = {"title": Text(da="Mail er forsinket", en="Mail is delayed"), "impact": Impact.MINOR}
    changes = {component.pk: status for component, status in (components or {}).items()}
    statement = statement or make_statement(components=changes)
    return operations.open_incident(by=ANYBODY, details={**named, **details}, statement=statement, draft=draft)  # type: ignore[typeddict-item]


def make_maintenance(
    *, start: datetime, end: datetime, components: tuple[Component, ...] = (), **details: Any
) -> Incident:
    named: Details = {
        "title": Text(da="Udskiftning af disk", en="Disk replacement"),
        "scheduled_for": start,
        "scheduled_until": end,
    }
    planned = dict.fromkeys([component.pk for component in components], ComponentStatus.UNDER_MAINTENANCE)
    return operations.schedule_maintenance(
        by=ANYBODY,
        details={**named, **details},  # type: ignore[typeddict-item]
        statement=make_statement(Phase.SCHEDULED, components=planned),
    )


def make_update(incident: Incident, phase: Phase = Phase.MITIGATED, **fields: Any) -> Update:
    return operations.post_update(by=ANYBODY, incident=incident, statement=make_statement(phase, **fields))


def make_subscriber(address: str = "", **fields: Any) -> Subscriber:
    """Return an active email subscriber in Danish, unless `fields` differ."""
    active = {"language": "da", "state": Subscriber.State.ACTIVE, "confirmed_at": timezone.now()}
    subscriber = Subscriber.new(address or f"laeser{next(_numbers)}@example.dk", **{**active, **fields})
    subscriber.save(force_insert=True)
    return subscriber


def make_token(owner: Any, *scopes: str, **fields: Any) -> ApiToken:
    """Make a token with the scope `read` unless others are given, for thirty days."""
    given = {"name": "Alerts", "expires_at": timezone.now() + timedelta(days=30), **fields}
    return operations.create_token(owner=owner, scopes=scopes or ["read"], by=ANYBODY, **given)


def make_template(phase: Phase = Phase.IDENTIFIED, **fields: Any) -> UpdateTemplate:
    given: Any = {
        "kind": Kind.INCIDENT,
        "phase": phase,
        "name": Text(da="Nedbrud", en="Outage"),
        "title": Text(da="Nedbrud siden {start}", en="Outage since {start}"),
        "text": Text(da="Vi er i gang.", en="We are on it."),
        **fields,
    }
    return operations.add_template(fields=given, by=ANYBODY)


def make_alert_rule(**fields: Any) -> AlertRule:
    template = fields.pop("template", None) or make_template()
    given: Any = {"name": "Outage", "template": template, "publish": True, "notify": True, **fields}
    return operations.add_alert_rule(fields=given, by=ANYBODY)
