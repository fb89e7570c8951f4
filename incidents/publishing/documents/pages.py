"""The pages that readers open first: home and the pages of incidents."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.template.base import Node
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from ... import links
from ...appearance import NONE
from ...models import Component, ComponentGroup, Incident, overall_status
from ...status import ComponentStatus, worst_of
from ..reading import months
from ..reading.history import SHOWN_DAYS, SHOWN_DAYS_NARROW, History, histories, shown_since
from ..reading.recent import recent_days
from ..reading.story import Story, by_status, with_timeline
from .base import PUBLISHED_MARK, Document, Edition, SingleDocument, Subjects
from .social import incident_picture, page_picture

# How long the home page names at its top what has ended, unless something else is ongoing.
STILL_FRESH = timedelta(hours=24)
# How much of the maintenance ahead the home page shows; its own page has all of it.
UPCOMING = 10


@dataclass(frozen=True)
class GroupOfComponents:
    """A group of components on the home page; `group` is None for components without one."""

    group: ComponentGroup | None
    histories: list[History]

    @property
    def worst(self) -> ComponentStatus:
        return worst_of(history.component.status for history in self.histories)


class PublicPage(Document):
    """A document rendered from a template that extends base.html."""

    template: str
    # The preview picture for social networks; `render` can pass another one that depends on the state.
    picture = "history"

    def render_template(self, key: str, edition: Edition, **context: Any) -> str:
        path = self.path(key, edition.language)
        alternates = [(code, self.path(key, code)) for code, _name in settings.LANGUAGES]
        shared = {"page": edition.page, "alternates": alternates, "canonical": path, "published_mark": PUBLISHED_MARK}
        defaults = {"picture": self.picture, "first_day": SHOWN_DAYS - 1, "first_day_narrow": SHOWN_DAYS_NARROW - 1}
        once = edition.cached(_nothing_yet)
        return render_to_string(self.template, {**shared, **defaults, "rendered_once": once, **context})


def _nothing_yet() -> dict[Node, SafeString]:
    # Return where the parts of templates are kept that are the same on every page; see templatetags/once.py.
    return {}


class Home(PublicPage, SingleDocument):
    template = "public/home.html"
    high_priority = True

    def path(self, key: str, language: str) -> str:
        return links.home(language)

    def render(self, key: str, edition: Edition) -> str:
        state = edition.shared(shown_state)
        context = {"state": state, "picture": self.picture if state == NONE else page_picture(state)}
        return self.render_template(key, edition, **context, **edition.shared(self._read, edition.now))

    @staticmethod
    def _read(now: datetime) -> dict[str, Any]:
        components = list(Component.objects.public().in_page_order())
        public = Incident.objects.public()
        ongoing = with_timeline(public.ongoing().worst_first())
        upcoming = with_timeline(public.ahead()[: UPCOMING + 1])
        return {
            "ongoing": ongoing,
            "troubled": by_status(one for one in components if one.status != ComponentStatus.OPERATIONAL),
            "several": len(ongoing) > 1,
            "ended": [] if ongoing else with_timeline(public.ended_since(now - STILL_FRESH).newest_first()),
            "unreported": with_timeline(public.unreported()),
            "upcoming": upcoming[:UPCOMING],
            "has_later": len(upcoming) > UPCOMING,
            "groups": grouped(components, now),
            "recent": recent_days(now, components),
        }


def shown_state() -> str:
    """Return the overall status; NONE if there are no systems and nothing is ongoing, since nothing can be said."""
    status = overall_status()
    if status == ComponentStatus.OPERATIONAL and not Component.objects.public().exists():
        return status if Incident.objects.public().ongoing().exists() else NONE
    return status


class IncidentPage(PublicPage):
    template = "public/incident.html"
    high_priority = True
    archived = "incident"

    def all_keys(self) -> Iterable[str]:
        return Incident.objects.public().values_list("pk", flat=True)

    def by_month(self) -> Iterable[tuple[str, str]]:
        return months.started(Incident.objects.public())

    def touched(self, subjects: Subjects) -> Iterable[str]:
        return subjects.of("incident")

    def path(self, key: str, language: str) -> str:
        return links.incident(key, language)

    def render(self, key: str, edition: Edition) -> str | None:
        if (story := read_story(key, edition)) is None:
            return None
        context = {"state": _icon(story), "picture": incident_picture(story)}
        return self.render_template(key, edition, story=story, incident=story.incident, **context)


def read_story(key: str, edition: Edition) -> Story | None:
    """Return the public incident with this id, if there is one. All those of a turn are read at once."""
    return edition.shared(_stories, edition.read_together.get(key, (key,))).get(key)


def _stories(keys: tuple[str, ...]) -> dict[str, Story]:
    found = with_timeline(Incident.objects.public().filter(pk__in=keys), with_revisions=True)
    return {story.incident.pk: story for story in found}


def grouped(components: Sequence[Component], now: datetime) -> list[GroupOfComponents]:
    """Return the components by group; they must be in the page's order."""
    by_component = histories(components, shown_since(now), now)
    by_group: dict[ComponentGroup | None, list[History]] = defaultdict(list)
    for component in components:
        by_group[component.group].append(by_component[component.pk])
    return [GroupOfComponents(group, listed) for group, listed in by_group.items()]


def _icon(story: Story) -> str:
    # Return the state of the favicon; planned and cancelled work count as operational.
    return story.state if story.state in set(ComponentStatus) else ComponentStatus.OPERATIONAL
