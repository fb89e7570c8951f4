"""The pages that readers open first: home, and one per incident."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string

from ... import links
from ...models import Component, ComponentGroup, Incident, overall_status
from ...status import ComponentStatus, worst_of
from ..reading.history import SHOWN_DAYS, SHOWN_DAYS_NARROW, History, histories, shown_since
from ..reading.recent import recent_days
from ..reading.story import Story, with_timeline
from .base import PUBLISHED_MARK, Document, Edition, SingleDocument, Subjects
from .social import incident_picture, page_picture


@dataclass(frozen=True)
class GroupOfComponents:
    """A group as the home page shows it; `group` is None for components outside any."""

    group: ComponentGroup | None
    histories: list[History]

    @property
    def worst(self) -> ComponentStatus:
        return worst_of(history.component.status for history in self.histories)


class PublicPage(Document):
    """A document rendered from a template, with what base.html needs."""

    template: str
    # What it shows where it is shared; a page whose picture changes with its state says so when it is rendered.
    picture = "history"

    def written(self, key: str, edition: Edition, **context: Any) -> str:
        path = self.path(key, edition.language)
        alternates = [(code, self.path(key, code)) for code, _name in settings.LANGUAGES]
        shared = {"page": edition.page, "alternates": alternates, "canonical": path, "published_mark": PUBLISHED_MARK}
        shown = {"picture": self.picture, "shown_days": SHOWN_DAYS, "shown_days_narrow": SHOWN_DAYS_NARROW}
        return render_to_string(self.template, {**shared, **shown, **context})


class Home(PublicPage, SingleDocument):
    template = "public/home.html"
    leads = True

    def path(self, key: str, language: str) -> str:
        return links.home(language)

    def render(self, key: str, edition: Edition) -> str:
        state = edition.read_once(overall_status)
        shown = {"state": state, "picture": page_picture(state)}
        return self.written(key, edition, **shown, **edition.read_once(self._read, edition.now))

    @staticmethod
    def _read(now: datetime) -> dict[str, Any]:
        components = list(Component.objects.public().in_page_order())
        public = Incident.objects.public()
        return {
            "ongoing": with_timeline(public.ongoing().newest_first()),
            "upcoming": with_timeline(public.upcoming()),
            "groups": grouped(components, now),
            "recent": recent_days(now),
        }


class IncidentPage(PublicPage):
    template = "public/incident.html"
    leads = True
    archived = "incident"

    def all_keys(self) -> Iterable[str]:
        return Incident.objects.public().values_list("pk", flat=True)

    def touched(self, subjects: Subjects) -> Iterable[str]:
        return subjects.of("incident")

    def path(self, key: str, language: str) -> str:
        return links.incident(key, language)

    def render(self, key: str, edition: Edition) -> str | None:
        for story in edition.read_once(_stories, key):
            shown = {"state": _icon(story), "picture": incident_picture(story)}
            return self.written(key, edition, story=story, incident=story.incident, **shown)
        return None


def _stories(key: str) -> list[Story]:
    return with_timeline(Incident.objects.public().filter(pk=key), with_revisions=True)


def grouped(components: Sequence[Component], now: datetime) -> list[GroupOfComponents]:
    """The components, already in the page's order, under their groups."""
    known = histories(components, shown_since(now), now)
    by_group: dict[ComponentGroup | None, list[History]] = defaultdict(list)
    for component in components:
        by_group[component.group].append(known[component.pk])
    return [GroupOfComponents(group, found) for group, found in by_group.items()]


def _icon(story: Story) -> str:
    """The favicon's state: what is planned or called off troubles nobody."""
    return story.state if story.state in set(ComponentStatus) else ComponentStatus.OPERATIONAL
