"""What is likely an oversight in a planned time: for the sentence beside the button."""

import logging
from collections.abc import Collection, Iterator, Mapping
from datetime import date, timedelta
from importlib import import_module
from itertools import groupby
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from .. import formats
from ..business_hours import BusinessHours, days_of
from ..models import REMINDERS, AffectedComponent, Component, Incident
from ..operations.statements import Window
from ..status import FINAL_PHASES, Kind
from ..wording import duration, passage, span
from .causes import joined, linked

LONG = timedelta(hours=24)
MAX_NAMED = 5

logger = logging.getLogger(__name__)


def warnings_of(
    window: Window, components: Collection[str], incident: Incident | None, details: Mapping[str, Any]
) -> Iterator[str]:
    """Sentences about a planned time of maintenance of these components.

    `incident` is that maintenance, if it is stored; `details` has fields of the form that it does not have yet.
    """
    now = timezone.now()
    if window.end <= now:
        yield _("The planned time has passed.")
    elif window.start <= now:
        yield _("The planned start has passed.")
    if window.end - window.start > LONG:
        yield _("It is planned to take %(duration)s.") % {"duration": duration(window.end - window.start)}
    yield from _missed_reminders(window, incident, details)
    yield from _unfavourable_times(window)
    yield from _overlaps(window, components, incident)


def _missed_reminders(window: Window, incident: Incident | None, details: Mapping[str, Any]) -> Iterator[str]:
    ahead = window.start - timezone.now()
    for name, before in REMINDERS.items():
        is_chosen = details.get(name, getattr(incident, name, False))
        if is_chosen and timedelta() < ahead < before:
            pattern = _("It starts in less than %(duration)s: there is no reminder that long before.")
            yield pattern % {"duration": duration(before)}


def _unfavourable_times(window: Window) -> Iterator[str]:
    start, end = timezone.localtime(window.start), timezone.localtime(window.end)
    try:
        for day, name in _holidays(days_of(start, end)).items():
            yield _("%(day)s is a public holiday: %(holiday)s.") % {"day": formats.day(day), "holiday": name}
    except LookupError:
        logger.exception("PUBLIC_HOLIDAYS names no place whose public holidays are known")
        yield _("The setting PUBLIC_HOLIDAYS names no known place: public holidays are not checked.")
    hours: BusinessHours | None = settings.BUSINESS_HOURS
    if hours and (within := hours.first_day_within(start, end)):
        yield _("It is within business hours: %(day)s.") % {"day": formats.day(within)}


def _holidays(days: list[date]) -> dict[date, str]:
    if not settings.PUBLIC_HOLIDAYS:
        return {}
    known: dict[date, str] = import_module("incidents.public_holidays").on(
        days, settings.PUBLIC_HOLIDAYS, get_language() or ""
    )
    return known


def _overlaps(window: Window, components: Collection[str], incident: Incident | None) -> Iterator[str]:
    # Other public maintenance at the same time, and incidents that are not over, of one of the components.
    same_time = Q(
        update__incident__kind=Kind.MAINTENANCE,
        update__incident__scheduled_for__lt=window.end,
        update__incident__scheduled_until__gt=window.start,
    )
    ongoing = Q(update__incident__kind=Kind.INCIDENT)
    rows = (
        AffectedComponent.objects.filter(same_time | ongoing, component__in=components)
        .filter(update__published_at__isnull=False, update__incident__published_at__isnull=False)
        .exclude(update__incident__phase__in=FINAL_PHASES)
        .exclude(update__incident=incident.pk if incident else "")
        .order_by("update__incident__started_at", "update__incident_id", "component_id")
        .distinct("update__incident__started_at", "update__incident_id", "component_id")
        .select_related("component", "update__incident")
    )
    found = groupby(rows, key=lambda row: row.update.incident)
    for number, (other, affected) in enumerate(found):
        if number == MAX_NAMED:
            yield _("Other maintenance or incidents affect the same systems as well.")
            return
        yield _overlap(other, [row.component for row in affected])


def _overlap(other: Incident, components: Collection[Component]) -> SafeString:
    names = joined([passage(one.name) for one in components])
    if not other.is_maintenance or other.scheduled_for is None:
        pattern = _("{incident} is not over and affects {components}, too.")
        return format_html(pattern, incident=linked(other), components=names)
    pattern = _("{maintenance} is planned for {time} and affects {components}, too.")
    time = span(other.scheduled_for, other.scheduled_until)
    return format_html(pattern, maintenance=linked(other), time=time, components=names)
