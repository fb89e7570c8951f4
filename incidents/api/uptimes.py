"""The uptime of a component or a group in a range of time, counted as on the page."""

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, override
from ninja import Router

from ..models import Component, ComponentGroup
from ..publishing.reading.history import histories, shown_since, zone
from ..status import ComponentStatus
from ..statuspage_api import moment
from ..text import Text
from ..uptime import StatusPeriod, midnight, uptime
from ..wording import reader_passage
from . import answers
from .answers import as_json, documented
from .problems import RequestRefused
from .requests import needs_to_see_components
from .schemas import in_range
from .statements import aware

router = Router(tags=["uptime"])


@router.get(
    "/components/{component_id}/uptime",
    response=documented(answers.Uptime),
    summary=gettext_noop("The uptime of a component"),
)
def of_component(
    request: HttpRequest, component_id: str, start: datetime | None = None, end: datetime | None = None
) -> Any:
    """From `start` to `end`, a day or a time; without them, the days that the page shows."""
    needs_to_see_components(request)
    row = get_object_or_404(Component.objects.public(), pk=component_id)
    return as_json(_answer(row.pk, row.name, [row], start, end))


@router.get(
    "/component-groups/{group_id}/uptime",
    response=documented(answers.Uptime),
    summary=gettext_noop("The uptime of a group"),
)
def of_group(request: HttpRequest, group_id: str, start: datetime | None = None, end: datetime | None = None) -> Any:
    """Of the time of all of its components together."""
    needs_to_see_components(request)
    row = get_object_or_404(ComponentGroup, pk=group_id)
    return as_json(_answer(row.pk, row.name, list(row.components.filter(hidden=False)), start, end))


def _answer(
    pk: str, name: Text, components: Sequence[Component], start: datetime | None, end: datetime | None
) -> answers.Json:
    now = timezone.now()
    try:
        wanted = aware(in_range(end)) or now
        until = min(wanted, now)
        since = aware(in_range(start)) or midnight(shown_since(until), zone())
    except ValueError as error:
        raise RequestRefused(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from None
    if since >= until:
        raise RequestRefused(HTTPStatus.UNPROCESSABLE_ENTITY, _("start: The range ends before it begins."))
    found = histories(components, timezone.localtime(since).date(), until).values()
    parts = [part for one in found for period in one.periods if (part := period.within(since, until))]
    share = uptime(parts)
    public = {pk for one in found for pk in one.incidents}
    causes = {cause for part in parts if part.status != ComponentStatus.OPERATIONAL for cause in part.causes}
    with override(settings.LANGUAGE_CODE):
        return {
            "range_start": moment(since),
            "range_end": moment(until),
            "uptime_percentage": None if share is None else round(share * 100, 4),
            "major_outage": _seconds(parts, ComponentStatus.MAJOR_OUTAGE),
            "partial_outage": _seconds(parts, ComponentStatus.PARTIAL_OUTAGE),
            "warnings": _("The range ends now, as the future is not known.") if wanted > now else None,
            "id": pk,
            "name": reader_passage(name).text,
            "related_events": {"incidents": [{"id": one} for one in sorted(causes & public)]},
        }


def _seconds(parts: Sequence[StatusPeriod], status: ComponentStatus) -> int:
    return round(sum(part.length.total_seconds() for part in parts if part.status == status))
