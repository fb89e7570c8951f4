"""Stores alerts, and finds the rule of each. What follows from them is done by the scheduler (`handling`)."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from .. import label_matchers
from ..models import AlertGroup, AlertRule, Component, MonitoringAlert
from ..staff import rights
from ..staff.actors import Actor

# An alert that comes back this soon after its incident was resolved reopens it, instead of opening another one.
REOPEN_WITHIN = timedelta(hours=1)
_KEPT = ("labels", "summary", "link", "fired_at", "ended_at", "received_at", "sender", "rule", "group", "component",
         "covered_by")  # fmt: skip


@dataclass(frozen=True)
class ReceivedAlert:
    """An alert as a monitoring system sent it. `ended_at` is None while it fires."""

    labels: Mapping[str, str]
    summary: str = ""
    link: str = ""
    fired_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def fingerprint(self) -> str:
        """The same for the same labels: two Alertmanagers send each alert twice."""
        return hashlib.sha256(json.dumps(dict(self.labels), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Applied:
    """The rule that fits an alert, if any, and what it says of it."""

    rule: AlertRule | None
    key: str = ""
    component: Component | None = None


@transaction.atomic
def receive_alerts(alerts: Sequence[ReceivedAlert], *, by: Actor) -> int:
    """Store alerts, or what has become of them; return their number. Raises PermissionDenied.

    The number of queries does not depend on the number of alerts, but on that of the groups that they are in.
    """
    by.needs(rights.SEND_ALERTS)
    newest = {alert.fingerprint: alert for alert in alerts}  # of one that is sent twice, the later
    # In one order, so that two senders of the same alerts wait for each other instead of stopping each other.
    stored = MonitoringAlert.objects.select_for_update().filter(fingerprint__in=newest).order_by("fingerprint")
    known = {row.fingerprint: row for row in stored}
    in_use = _locked_open([row.group_id for row in known.values()])
    rules, groups, rows = RuleFinder(), dict[tuple[str, str], AlertGroup](), []
    for fingerprint, alert in sorted(newest.items()):
        row = known.get(fingerprint) or MonitoringAlert(fingerprint=fingerprint, labels=dict(alert.labels))
        if row._state.adding and alert.ended_at is not None:
            continue  # it ended before we heard of it
        _store_in(row, alert, by)
        if alert.ended_at is None and row.group_id not in in_use:
            found = rules.of(alert.labels)
            row.rule, row.component, row.group = found.rule, found.component, None
            if found.rule is not None:
                wanted = found.rule.pk, found.key
                row.group = groups[wanted] = groups.get(wanted) or _open_group(found.rule, found.key)
        rows.append(row)
    MonitoringAlert.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["fingerprint"], update_fields=list(_KEPT)
    )
    return len(rows)


class RuleFinder:
    """Finds the rules of alerts, with the rules and components as they are when it is made."""

    def __init__(self) -> None:
        self._rules = list(AlertRule.objects.in_use())
        self._components: dict[str, Component] = {}
        if any(rule.component_label for rule in self._rules):
            rows = Component.objects.all()
            self._components = {row.slug: row for row in rows} | {row.pk: row for row in rows}

    def of(self, labels: Mapping[str, str]) -> Applied:
        """Return the first rule that fits these labels, with the key of its group and the component."""
        for rule in self._rules:
            if label_matchers.all_hold(rule.conditions, labels):
                named = self._components.get(labels.get(rule.component_label, "")) if rule.component_label else None
                key = ", ".join(f"{name}={labels.get(name, '')}" for name in rule.grouping_labels)
                return Applied(rule, key[:500], named or rule.component)
        return Applied(None)


def _store_in(row: MonitoringAlert, alert: ReceivedAlert, by: Actor) -> None:
    now = timezone.now()
    is_new = row._state.adding or row.ended_at is not None  # of one that fires again, the beginning is a new one
    if alert.ended_at is None and is_new:
        row.fired_at, row.covered_by = min(alert.fired_at or now, now), None
    row.ended_at = None if alert.ended_at is None else row.ended_at or min(alert.ended_at, now)
    row.summary, row.link = alert.summary[:500], alert.link if len(alert.link) <= 1000 else ""
    row.received_at, row.sender = now, by.name[:120]


def _locked_open(keys: Iterable[int | None]) -> set[int | None]:
    # Those of these groups that are open, and stay so until this transaction ends.
    locked = AlertGroup.objects.select_for_update(no_key=True).open().filter(pk__in={key for key in keys if key})
    return set(locked.values_list("pk", flat=True))


def _open_group(rule: AlertRule, key: str) -> AlertGroup:
    now = timezone.now()
    of_key = AlertGroup.objects.select_for_update(no_key=True).filter(rule=rule, key=key)
    if group := of_key.open().first():
        return group
    recent = of_key.filter(closed_at__gt=now - REOPEN_WITHIN, latest_update__isnull=False).order_by("-closed_at")
    if (group := recent.first()) and group.is_left_to_rule:
        group.closed_at, group.quiet_since, group.firing_since = None, None, now
        group.save(update_fields=["closed_at", "quiet_since", "firing_since"])
        return group
    opened, _created = AlertGroup.objects.get_or_create(
        rule=rule, key=key, closed_at=None, defaults={"firing_since": now}
    )
    return opened
