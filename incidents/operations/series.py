"""Maintenance that repeats: staff give one maintenance a rule, and the scheduler makes the others some weeks ahead.

Each is maintenance of its own, which can be moved, changed or cancelled alone. A new rule, or new words, for one and
all that follow ends the series there and begins another one.
"""

import logging
from datetime import date, timedelta
from typing import Any, cast

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import DatabaseError, transaction
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ..models import Announcement, Component, Incident, MaintenanceSeries
from ..models.incidents import IncidentQuerySet
from ..recurrence import Occurrence, RepeatRule
from ..staff import audit, rights
from ..staff.actors import SCHEDULER, Actor
from ..status import ComponentStatus, Phase
from ..text import Text
from ..wording import in_each_language
from .incidents import withdraw
from .maintenance import cancel_maintenance, schedule_maintenance
from .recording import verb
from .snapshots import current_statuses
from .statements import Details, Statement
from .updates import lock

logger = logging.getLogger(__name__)

_TEXTS = ("title", "user_impact", "scope", "workaround", "root_cause", "next_steps")
_OTHERS = (
    "root_cause_status", "upstream_name", "upstream_url", "auto_start", "auto_complete",
    "remind_week_before", "remind_day_before", "remind_hour_before",
)  # fmt: skip
_QUOTATION = ("quote", "quote_language", "quote_url")


def can_repeat(incident: Incident) -> bool:
    """Whether it is public maintenance that has not started."""
    return incident.is_maintenance and incident.is_public and incident.phase == Phase.SCHEDULED


@verb
def repeat_maintenance(*, incident: Incident, rule: RepeatRule, by: Actor) -> Incident:
    """Repeat maintenance after a rule whose first day is its own. If it belongs to a series, that one ends before it.

    What followed in that series is replaced. Raises ValidationError.
    """
    by.needs(rights.publish(incident.kind))
    incident = lock(incident)
    if not can_repeat(incident):
        raise ValidationError(_("Only scheduled, public maintenance can be repeated."))
    if (rule.is_weekly and not rule.weekdays) or rule.next_day() != rule.first_day:
        raise ValidationError({"weekdays": _("The planned start has to be one of the days on which it repeats.")})
    if rule.next_day(after=rule.first_day) is None:
        raise ValidationError({"until": _("With these choices it takes place only once.")})
    _end_after(incident, by)
    series = MaintenanceSeries.of(rule, pattern=_pattern(incident), next_day=rule.next_day(after=rule.first_day))
    series.save(force_insert=True)
    incident.series, incident.series_day = series, rule.first_day
    incident.save(update_fields=["series", "series_day", "updated_at"])
    return incident


@verb
def end_series(*, incident: Incident, by: Actor) -> bool:
    """End the series after this maintenance, and remove what has been made for later days. Return whether any was."""
    by.needs(rights.publish(incident.kind))
    return _end_after(lock(incident), by)


def make_due_maintenance(today: date) -> None:
    """Make the maintenance of all series that is due by now; each once, also with several schedulers."""
    horizon = today + timedelta(weeks=settings.MAINTENANCE_WEEKS_AHEAD)
    for series in MaintenanceSeries.objects.due(horizon):
        try:
            while _make_next(series.pk, horizon):
                pass
        except DatabaseError:
            raise
        except Exception:
            logger.exception("The next maintenance of series %s could not be made", series.pk)


@transaction.atomic
def _make_next(key: str, horizon: date) -> Incident | date | None:
    # Make the next maintenance of a series. Return it, or the day if that has passed; None if nothing is due.
    audit.take_turn()  # before the series is locked, as verbs do that end it
    series = MaintenanceSeries.objects.select_for_update().due(horizon).filter(pk=key).first()
    if series is None or series.next_day is None:
        return None
    day, rule = series.next_day, series.rule
    occurrence = rule.occurrence(day)
    series.next_day = rule.next_day(after=day)
    series.save(update_fields=["next_day"])
    # One that is over already, because no scheduler ran for weeks, did not take place.
    return _schedule(series, occurrence) if occurrence.end > timezone.now() else day


def _schedule(series: MaintenanceSeries, occurrence: Occurrence) -> Incident:
    pattern = series.pattern
    times: Details = {"scheduled_for": occurrence.start, "scheduled_until": occurrence.end}
    texts = {name: Text(pattern["details"][name]) for name in _TEXTS}
    others = {name: pattern["details"][name] for name in _OTHERS}
    existing = Component.objects.filter(pk__in=pattern["components"]).values_list("pk", flat=True)
    components = {key: ComponentStatus(pattern["components"][key]) for key in existing}
    # Reminders notify subscribers: eight weeks ahead nobody needs a message.
    said = {**pattern["update"], "text": Text(pattern["update"]["text"])}
    statement = Statement(phase=Phase.SCHEDULED, components=components, notify=False, **said)
    details = cast("Details", {**texts, **others, **times})
    incident = schedule_maintenance(details=details, statement=statement, by=SCHEDULER)
    incident.series, incident.series_day = series, occurrence.day
    incident.save(update_fields=["series", "series_day", "updated_at"])
    return incident


def _pattern(incident: Incident) -> dict[str, Any]:
    first = incident.updates.public().newest_first().reverse()[0]
    return {
        "details": {
            **{name: dict(getattr(incident, name)) for name in _TEXTS},
            **{name: getattr(incident, name) for name in _OTHERS},
        },
        "update": {"text": dict(first.text), **{name: getattr(first, name) for name in _QUOTATION}},
        "components": current_statuses(incident),
    }


def _end_after(incident: Incident, by: Actor) -> bool:
    # Make no more maintenance of its series, and remove what has been made for later days.
    if incident.series is None:
        return False
    series = MaintenanceSeries.objects.select_for_update().get(pk=incident.series.pk)
    had_next, series.next_day = series.next_day is not None, None
    series.save(update_fields=["next_day"])
    following = list(following_in_series(incident))
    for one in following:
        _remove(one, by)
    return had_next or bool(following)


def following_in_series(incident: Incident) -> IncidentQuerySet:
    """Return the scheduled maintenance of its series on later days."""
    later = Incident.objects.public().filter(series=incident.series_id, series_day__gt=incident.series_day)
    return later.filter(phase=Phase.SCHEDULED).in_planned_order()


def _remove(incident: Incident, by: Actor) -> None:
    # Those who have been notified of it are notified that it is cancelled; others have no reason to hear of it.
    if Announcement.objects.filter(update__incident=incident).exists():
        said = in_each_language(lambda _code: gettext("This maintenance does not take place as planned."))
        cancel_maintenance(incident=incident, text=said, by=by)
    else:
        withdraw(incident=incident, by=by)
