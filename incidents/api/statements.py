"""Turns what a body says of an incident into the input of verbs: details and a statement."""

from collections.abc import Mapping
from datetime import datetime, time
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from ..labels import PHASES
from ..models import REMINDERS, AffectedComponent, Component, Incident
from ..operations import Statement
from ..operations.statements import Details
from ..status import STATUS_OF_IMPACT, ComponentStatus, Impact, Kind, Phase, worst_of
from ..statuspage_api import phase_of
from ..text import Text
from ..wording import in_each_language
from . import schemas

_IMPACTS = {status: Impact(impact) for impact, status in STATUS_OF_IMPACT.items() if impact != Impact.MAINTENANCE}


def kind_of(given: schemas.GivenIncident) -> Kind:
    """Return maintenance if the body has a planned time, or a phase of maintenance."""
    if given.scheduled_for or given.scheduled_until:
        return Kind.MAINTENANCE
    return _phase(given).kind


def text_of(default: str | None, translations: Mapping[str, schemas.Translation], name: str) -> Text:
    """Return a text in all languages that the body has. Raises ValidationError for languages that the page lacks."""
    codes = [code for code, _name in settings.LANGUAGES]
    if unknown := sorted(set(translations) - set(codes)):
        raise ValidationError({"translations": _("The page has no language “%s”.") % unknown[0]})
    given = {code: getattr(one, name) for code, one in translations.items()}
    return Text({settings.LANGUAGE_CODE: default or "", **{code: text for code, text in given.items() if text}})


def changed_text(before: Text, default: str | None, translations: Mapping[str, schemas.Translation], name: str) -> Text:
    """Return a text in which the languages that the body has are replaced; the others stay."""
    return Text({**before, **text_of(default, translations, name)})


def details_of(given: schemas.GivenIncident, kind: Kind, before: Text | None = None) -> Details:
    """Return the fields that the body changes; `before` is the title of an incident that exists."""
    details: dict[str, Any] = {} if given.metadata is None else {"metadata": given.metadata}
    if given.name is not None or any(one.name for one in given.translations.values()):
        details["title"] = changed_text(before or Text(), given.name, given.translations, "name")
    if kind == Kind.INCIDENT:
        if given.impact_override is not None:
            details["impact"] = given.impact_override
        return details  # type: ignore[return-value]  # built key by key
    for field, value in (
        ("scheduled_for", given.scheduled_for),
        ("scheduled_until", given.scheduled_until),
        ("auto_start", given.scheduled_auto_in_progress),
        ("auto_complete", given.scheduled_auto_completed),
    ):
        if value is not None:
            details[field] = aware(value)
    if given.scheduled_remind_prior is not None:  # the original has one reminder, an hour before
        details |= dict.fromkeys(REMINDERS, False) | {"remind_hour_before": given.scheduled_remind_prior}
    return details  # type: ignore[return-value]


def impact_of(given: schemas.GivenIncident, statuses: Mapping[str, ComponentStatus]) -> Impact:
    """Return the impact of a new incident: that of the body or, as in the original, of its worst component."""
    if given.impact_override is not None:
        return given.impact_override
    worst = worst_of(statuses.values())
    return _IMPACTS.get(worst, Impact.MINOR) if statuses else Impact.MINOR


def statuses_of(given: schemas.GivenIncident, kind: Kind) -> dict[str, ComponentStatus]:
    """Return the status of each component that the body names. Raises ValidationError for an unknown one."""
    known = dict(Component.objects.filter(pk__in=given.named).values_list("pk", "status"))
    if unknown := sorted(given.named - set(known)):
        raise ValidationError({"components": _("There is no component with the id “%s”.") % unknown[0][:40]})
    if kind == Kind.MAINTENANCE:
        return dict.fromkeys(sorted(known), ComponentStatus.UNDER_MAINTENANCE)
    return {pk: given.statuses.get(pk, ComponentStatus(known[pk])) for pk in sorted(known)}


def statement_of(given: schemas.GivenIncident, phase: Phase, statuses: Mapping[str, ComponentStatus]) -> Statement:
    """Return the update that the body adds. Without a text, it says the phase."""
    text = text_of(given.body, given.translations, "body") or in_each_language(lambda _code: f"{PHASES[phase]}.")
    at = _backfilled_at(given)
    components = dict.fromkeys(statuses, ComponentStatus.OPERATIONAL) if phase.is_final and at is None else statuses
    promised = aware(given.next_update_by)
    return Statement(
        phase=phase, text=text, components=components, at=at, notify=_notify(given), next_update_by=promised
    )


def opening_phase(given: schemas.GivenIncident, kind: Kind) -> Phase:
    if given.status:
        return _phase(given)
    if kind == Kind.MAINTENANCE:
        return Phase.SCHEDULED
    return Phase.RESOLVED if given.backfilled else Phase.INVESTIGATING


def next_phase(given: schemas.GivenIncident, incident: Incident) -> Phase:
    return _phase(given) if given.status else Phase(incident.phase)


def adds_update(given: schemas.GivenIncident, incident: Incident) -> bool:
    """Whether the body says anything that an update says, or names a component that no update has named."""
    if given.status or given.body or given.statuses or any(one.body for one in given.translations.values()):
        return True
    named = AffectedComponent.objects.filter(update__incident=incident).values_list("component", flat=True)
    return bool(given.named - set(named)) if given.named else False


def _phase(given: schemas.GivenIncident) -> Phase:
    return phase_of(given.status or Phase.INVESTIGATING)


def _notify(given: schemas.GivenIncident) -> bool | None:
    return False if given.backfilled else given.deliver_notifications


def _backfilled_at(given: schemas.GivenIncident) -> datetime | None:
    # The original knows the day only.
    if not given.backfilled or given.backfill_date is None:
        return None
    noon = datetime.combine(given.backfill_date, time(12), timezone.get_current_timezone())
    return min(noon, timezone.now())


def aware(value: Any) -> Any:
    """Return a time without an offset as one in the page's time zone, which is active; anything else as it is."""
    if isinstance(value, datetime) and timezone.is_naive(value):
        return timezone.make_aware(value)
    return value
