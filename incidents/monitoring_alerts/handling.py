"""Does what alert rules say: opens incidents, adds components, reopens and resolves. The scheduler calls it.

Each group of alerts is locked and looked at again, so that several schedulers do no harm. What a person has done since
the last update of the rule counts: an incident that a person works on is not changed any more.
"""

import logging
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import DatabaseError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from .. import operations
from ..labels import PHASES
from ..models import ActorKind, AffectedComponent, AlertGroup, Component, Incident, MonitoringAlert
from ..operations import Statement
from ..operations.effects import named_components
from ..staff import audit
from ..staff.actors import Actor
from ..status import WORK_PHASES, ComponentStatus, Phase
from ..text import Text
from ..wording import in_each_language, listed, words

logger = logging.getLogger(__name__)

# Monitoring may have noticed a fault long before it alerted.
_EARLIEST_START = timedelta(hours=24)


def handle_alerts() -> None:
    """Do what is due for each group of alerts. A failure is stored with its group; the others go on."""
    for group in AlertGroup.objects.open().select_related("rule"):
        try:
            handle_group(group)
        except DatabaseError:
            raise
        except Exception as error:
            sentence = (" ".join(error.messages) if isinstance(error, ValidationError) else type(error).__name__)[:500]
            if sentence != group.failure:  # it is tried again every second
                logger.exception("Alert rule %s could not be carried out: %s", group.rule_id, sentence)
                AlertGroup.objects.filter(pk=group.pk).update(failure=sentence)


@transaction.atomic
def handle_group(group: AlertGroup) -> None:
    """Do what is due for one group of alerts."""
    audit.take_turn()  # before rows are locked, as in every verb
    locked = (
        AlertGroup.objects.select_for_update(of=("self",), no_key=True)
        .select_related("rule", "incident")
        .filter(pk=group.pk)
    )
    found = locked.open().first()
    if found is None:
        return
    firing = list(found.alerts.firing().select_related("component").order_by("fired_at", "pk"))
    if found.opened_at is None:
        _handle_unopened(found, firing)
    elif firing:
        _handle_firing(found, firing)
    else:
        _handle_quiet(found)


def delete_old_alerts(now: datetime) -> None:
    """Delete alerts that were not heard of for a month, and groups that are over and have none."""
    MonitoringAlert.objects.outdated(now).delete()
    AlertGroup.objects.filter(closed_at__lte=now - timedelta(days=30), alerts=None).delete()


def actor_of(group: AlertGroup) -> Actor:
    """The rule: the person who made it has decided what is done."""
    return Actor(ActorKind.SCHEDULER, f"alert rule “{group.rule.name}”")


def _handle_unopened(group: AlertGroup, firing: list[MonitoringAlert]) -> None:
    now = timezone.now()
    heard = _without_work(firing)
    if not firing:
        group.closed_at = now  # it ended within the hold
        group.save(update_fields=["closed_at"])
    elif not heard:
        group.firing_since = now  # the hold begins when the work is over
        group.save(update_fields=["firing_since"])
    elif now >= group.firing_since + timedelta(seconds=group.rule.hold) and (left := _without_covered(group, heard)):
        _open(group, left)
        group.failure = ""
        group.save()


def _open(group: AlertGroup, firing: list[MonitoringAlert]) -> None:
    rule, now = group.rule, timezone.now()
    started = max(min(alert.fired_at for alert in firing), now - _EARLIEST_START)
    incident = operations.open_incident(
        details={"title": rule.template.title, "impact": rule.impact, "started_at": started},
        statement=Statement(
            phase=Phase(rule.template.phase),
            text=rule.template.text,
            components=_statuses(group, firing),
            notify=rule.notify,
        ),
        by=actor_of(group),
        draft=not rule.publish,
    )
    group.incident, group.opened_at = incident, now
    group.latest_update = incident.updates.first()


def _handle_firing(group: AlertGroup, firing: list[MonitoringAlert]) -> None:
    incident = group.incident
    if group.quiet_since is not None:
        group.quiet_since = None
        group.save(update_fields=["quiet_since"])
    if incident is None or not group.is_left_to_rule:
        return
    statuses = _statuses(group, _without_covered(group, _without_work(firing)))
    if incident.is_over:
        if timezone.now() >= group.firing_since + timedelta(seconds=group.rule.hold):
            _post(group, incident, Phase(group.rule.template.phase), group.rule.template.text, statuses)
    elif new := {key: status for key, status in statuses.items() if key not in named_components(incident)}:
        names = [row.name for row in Component.objects.filter(pk__in=new).in_page_order()]
        text = in_each_language(lambda _code: _("Also affected: %s.") % listed([words(name) for name in names]))
        _post(group, incident, Phase(incident.phase), text, new, notify=False)


def _handle_quiet(group: AlertGroup) -> None:
    now, rule, incident = timezone.now(), group.rule, group.incident
    if group.quiet_since is None:
        group.quiet_since = now
        group.save(update_fields=["quiet_since"])
    ends_at = max(
        group.quiet_since + timedelta(seconds=rule.quiet),
        (group.opened_at or now) + timedelta(seconds=rule.minimum_open),
    )
    if now < ends_at:
        return
    if incident is not None and _others_fire(group, incident):
        return
    if incident is not None and rule.resolve and not incident.is_over and group.is_left_to_rule:
        final = rule.final_template
        default = in_each_language(lambda _code: f"{PHASES[Phase.RESOLVED]}.")
        text = in_each_language(lambda code: (final.text.get(code) if final else "") or default[code])
        statuses = dict.fromkeys(named_components(incident), ComponentStatus.OPERATIONAL)
        _post(group, incident, Phase.RESOLVED, text, statuses)
    group.closed_at = now
    group.save()


def _post(
    group: AlertGroup,
    incident: Incident,
    phase: Phase,
    text: Text,
    statuses: dict[str, ComponentStatus],
    *,
    notify: bool | None = None,
) -> None:
    statement = Statement(
        phase=phase, text=text, components=statuses, notify=group.rule.notify if notify is None else notify
    )
    verb = operations.reopen if incident.is_over else operations.post_update
    group.latest_update = verb(incident=incident, statement=statement, by=actor_of(group))
    group.failure = ""
    group.save()


def _statuses(group: AlertGroup, firing: list[MonitoringAlert]) -> dict[str, ComponentStatus]:
    named = {alert.component.pk for alert in firing if alert.component}
    return dict.fromkeys(sorted(named), ComponentStatus(group.rule.status))


def _others_fire(group: AlertGroup, incident: Incident) -> bool:
    # Whether alerts of another rule that this incident covers have not ended.
    return MonitoringAlert.objects.firing().filter(covered_by=incident).exclude(group=group).exists()


def _without_work(firing: list[MonitoringAlert]) -> list[MonitoringAlert]:
    # Without the alerts of components on which work is in progress.
    works = Incident.objects.public().maintenances().filter(phase__in=WORK_PHASES)
    affected = AffectedComponent.objects.filter(update__incident__in=works, update__published_at__isnull=False)
    under_maintenance = set(affected.values_list("component", flat=True))
    return [alert for alert in firing if alert.component_id not in under_maintenance]


def _without_covered(group: AlertGroup, firing: list[MonitoringAlert]) -> list[MonitoringAlert]:
    # Without the alerts of components that another open incident affects; that is stored, until the alert ends.
    new = [alert for alert in firing if alert.covered_by_id is None]
    affected = AffectedComponent.objects.filter(
        component__in={alert.component_id for alert in new},
        update__published_at__isnull=False,
        update__incident__in=Incident.objects.public().incidents().ongoing().exclude(pk=group.incident_id),
    )
    by_component = dict(affected.order_by("-update__incident__started_at").values_list("component", "update__incident"))
    for component, incident in by_component.items():
        covered = [alert.pk for alert in new if alert.component_id == component]
        MonitoringAlert.objects.filter(pk__in=covered).update(covered_by=incident)
    return [alert for alert in new if alert.component_id not in by_component]
