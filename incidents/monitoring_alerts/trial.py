"""What an alert would do, without doing it: for the form in which rules are tried."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ..labels import COMPONENT_STATUSES, IMPACTS
from ..models import AlertRule, Component
from ..status import ComponentStatus, Impact
from ..wording import words
from .receiving import ReceivedAlert, RuleFinder


@dataclass(frozen=True)
class TriedAlert:
    """The rule of an alert, if any, and what happens because of it, as sentences in the active language."""

    labels: dict[str, str]
    rule: AlertRule | None
    sentences: list[str]


def outcomes_of(alerts: Iterable[ReceivedAlert]) -> list[TriedAlert]:
    """Return what each alert would do if it came now and lasted. Nothing is stored."""
    rules = RuleFinder()
    found = [(dict(alert.labels), rules.of(alert.labels)) for alert in alerts]
    return [
        TriedAlert(labels, one.rule, _sentences(one.rule, one.key, one.component) if one.rule else [_("No rule fits.")])
        for labels, one in found
    ]


def _sentences(rule: AlertRule, key: str, component: Component | None) -> list[str]:
    said = [_opening(rule)]
    if key:
        said.append(_("It is one incident for {key}.").format(key=key))
    said.append(_("Impact: {impact}.").format(impact=IMPACTS[Impact(rule.impact)]))
    if component is not None:
        status = COMPONENT_STATUSES[ComponentStatus(rule.status)]
        said.append(_("Component: {name}, {status}.").format(name=words(component.name), status=status))
    else:
        said.append(_("No component is affected."))
    said.append(_ending(rule))
    return said


def _opening(rule: AlertRule) -> str:
    after = _span(rule.hold)
    if not rule.publish:
        return _("After {span} a draft is written, and staff are alerted.").format(span=after)
    if rule.notify:
        return _("After {span} an incident is published, and subscribers are notified.").format(span=after)
    return _("After {span} an incident is published; subscribers are not notified.").format(span=after)


def _ending(rule: AlertRule) -> str:
    if not rule.resolve:
        return _("A person resolves it.")
    sentence = _("It is resolved {quiet} after its last alert has ended, and at the earliest after {minimum}.")
    return sentence.format(quiet=_span(rule.quiet), minimum=_span(rule.minimum_open))


def _span(seconds: int) -> str:
    if seconds and seconds % 60 == 0:
        minutes = timedelta(seconds=seconds) // timedelta(minutes=1)
        return ngettext("{n} minute", "{n} minutes", minutes).format(n=minutes)
    return ngettext("{n} second", "{n} seconds", seconds).format(n=seconds)
