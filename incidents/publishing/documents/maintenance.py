"""`/da/maintenance/`: upcoming, current and past maintenance on one page."""

from collections.abc import Iterable

from ... import links
from ...models import Incident
from ...status import FINAL_PHASES, Overdue
from ..reading.story import with_timeline
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
            # Its planned end has passed, and nobody has reported that it took place.
            unreported=with_timeline(public.upcoming().filter(overdue=Overdue.END)),
            upcoming=with_timeline(public.upcoming().exclude(overdue=Overdue.END)),
            past=past[:PAST],
            has_older=len(past) > PAST,
        )


def touches_maintenance(subjects: Subjects) -> bool:
    """Whether a maintenance changed. A changed component name is not checked: it touches all documents."""
    return Incident.objects.maintenances().filter(pk__in=subjects.of("incident")).exists()
