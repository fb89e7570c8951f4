"""`/da/maintenance/`: upcoming, current and past maintenance on one page."""

from collections.abc import Iterable
from datetime import date
from itertools import groupby

from django.utils import timezone

from ... import links
from ...models import Incident
from ...status import FINAL_PHASES
from ..reading.story import Story, with_timeline
from .base import Edition, SingleDocument, Subjects
from .pages import PublicPage

PAST = 50  # finished and cancelled maintenances on the page; the history has all of them


class MaintenanceList(PublicPage, SingleDocument):
    template = "public/maintenance.html"
    picture = "incident-scheduled"

    def touched(self, subjects: Subjects) -> Iterable[str]:
        return [""] if touches_maintenance(subjects) else []

    def path(self, key: str, language: str) -> str:
        return links.maintenance(language)

    def render(self, key: str, edition: Edition) -> str:
        public = Incident.objects.public().maintenances()
        past = with_timeline(public.filter(phase__in=FINAL_PHASES).latest_planned_first()[: PAST + 1])
        return self.render_template(
            key,
            edition,
            ongoing=with_timeline(public.ongoing().oldest_first()),
            unreported=with_timeline(public.unreported()),
            days=_by_day(with_timeline(public.ahead())),
            past=past[:PAST],
            has_older=len(past) > PAST,
        )


def _by_day(upcoming: list[Story]) -> list[tuple[date, list[Story]]]:
    # In the page's time zone, which is active; they are in planned order.
    found = groupby(upcoming, lambda story: timezone.localdate(story.incident.scheduled_for))
    return [(day, list(stories)) for day, stories in found]


def touches_maintenance(subjects: Subjects) -> bool:
    """Whether a maintenance changed. A changed component name is not checked: it touches all documents."""
    return Incident.objects.maintenances().filter(pk__in=subjects.of("incident")).exists()
