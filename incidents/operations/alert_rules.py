"""Verbs for alert rules: which alerts from monitoring make an incident, and what it says."""

import re
from typing import TypedDict

from django.utils.translation import gettext_lazy as _

from .. import label_matchers
from ..merging import Snapshot
from ..models import AlertRule, Component, UpdateTemplate
from ..staff import rights
from ..staff.actors import Actor
from ..status import Kind, Phase
from . import placeholders, snapshots
from .keys import free_slug
from .recording import verb
from .statements import Refusals


class AlertRuleFields(TypedDict, total=False):
    """The fields of a rule; missing keys stay unchanged. Times are in seconds."""

    key: str
    name: str
    position: int
    is_active: bool
    conditions: str
    component: Component | None
    component_label: str
    status: str
    impact: str
    template: UpdateTemplate
    final_template: UpdateTemplate | None
    publish: bool
    notify: bool
    resolve: bool
    group_by: str
    hold: int
    quiet: int
    minimum_open: int


@verb
def add_alert_rule(*, fields: AlertRuleFields, by: Actor) -> AlertRule:
    by.needs(rights.ADD_ALERT_RULE)
    return _store(AlertRule(), fields)


@verb
def edit_alert_rule(
    *, rule: AlertRule, fields: AlertRuleFields, by: Actor, opened: Snapshot | None = None
) -> AlertRule:
    """Change the given fields. Raises Collision if its form was opened on another state.

    Incidents that are open because of the rule follow it as it is from now on.
    """
    by.needs(rights.CHANGE_ALERT_RULE)
    rule = AlertRule.objects.select_for_update().get(pk=rule.pk)
    snapshots.check_unchanged(opened, snapshots.of_alert_rule(rule))
    return _store(rule, fields)


@verb
def remove_alert_rule(*, rule: AlertRule, by: Actor) -> None:
    """Delete a rule. Incidents that it opened stay open until a person resolves them."""
    by.needs(rights.DELETE_ALERT_RULE)
    rule.delete()


def check_alert_rule(rule: AlertRule) -> None:
    """Raises ValidationError by field."""
    refusals = Refusals()
    try:
        label_matchers.parse(rule.conditions)
    except label_matchers.NotACondition as wrong:
        message = _("“%s” is no condition. Write a label, = or !=, and a value.") % str(wrong)[:100]
        refusals.refuse_if(True, "conditions", message)
    wrong_label = next((one for one in rule.grouping_labels if not re.fullmatch(label_matchers.LABEL, one)), None)
    refusals.refuse_if(wrong_label is not None, "group_by", _("Write names of labels, separated by commas."))
    no_label = rule.component_label and not re.fullmatch(label_matchers.LABEL, rule.component_label)
    refusals.refuse_if(bool(no_label), "component_label", _("Write the name of a label."))
    refusals.refuse_if(
        rule.notify and not rule.publish, "notify", _("Subscribers are notified of a draft when a person publishes it.")
    )
    if rule.template_id:
        _check_template(rule, refusals)
    final = rule.final_template
    refusals.refuse_if(
        final is not None and final.phase != Phase.RESOLVED,
        "final_template",
        _("Choose a template for the phase “Resolved”."),
    )
    refusals.refuse_if(
        final is not None and "next_update" in placeholders.used(final.text),
        "final_template",
        _("A rule has no value for {next_update}. Choose another template."),
    )
    refusals.stop()
    rule.full_clean(validate_constraints=False)


def _check_template(rule: AlertRule, refusals: Refusals) -> None:
    template = rule.template
    opens = template.kind == Kind.INCIDENT and not Phase(template.phase).is_final
    refusals.refuse_if(not opens, "template", _("Choose a template for an incident that is not over."))
    refusals.refuse_if(opens and not template.title, "template", _("The template has no title for a new incident."))
    without_value = {"next_update", "end"}
    if rule.component is None and not rule.component_label:
        without_value |= {"components"}
    lacking = placeholders.used(template.text, template.title) & without_value
    refusals.refuse_if(
        bool(lacking),
        "template",
        _("A rule has no value for {%s}. Choose another template.") % next(iter(sorted(lacking)), ""),
    )


def _store(rule: AlertRule, fields: AlertRuleFields) -> AlertRule:
    for name, value in fields.items():
        setattr(rule, name, value)
    taken = AlertRule.objects.exclude(pk=rule.pk).values_list("key", flat=True)
    rule.key = rule.key or free_slug(rule.name, set(taken), "unnamed")
    check_alert_rule(rule)
    rule.save()
    return rule
