"""`/api/v2/…` and `/da/api/v2/…`: the read part of the Statuspage API, published as files."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from ... import links
from ...models import Component, ComponentGroup, Incident, Page, overall_status
from ...status import ComponentStatus
from ...statuspage_api import Json, changed_at, component_shape, group_shape, incident_shape, page_shape, status_shape
from ..reading.story import Stories, Story
from .base import Document, Edition, Subjects

NEWEST = 50  # incidents and maintenances listed, as in the original API
_EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, eq=False)
class Facts:
    """The data of all documents, read once for all languages."""

    page: Page
    overall: ComponentStatus
    components: list[Component]
    incidents: list[Story]
    unresolved: list[Story]
    maintenance: list[Story]
    upcoming: list[Story]
    active: list[Story]

    @property
    def updated_at(self) -> datetime:
        """Return when anything public last changed."""
        stories = [*self.incidents, *self.unresolved, *self.maintenance, *self.upcoming, *self.active]
        incidents = (changed_at(story.incident, story.timeline) for story in stories)
        components = (component.updated_at for component in self.components)
        return max([self.page.updated_at or _EPOCH, *incidents, *components])


class ApiDocument(Document):
    """One document of the API; `key` is its name, such as `incidents/unresolved`."""

    def __init__(self, *, per_language: bool) -> None:
        self.per_language = per_language

    def all_keys(self) -> Iterable[str]:
        return CONTENTS

    def touched(self, subjects: Subjects) -> Iterable[str]:
        return CONTENTS if subjects.names - {"day"} else ()  # a new day changes none of them

    def path(self, key: str, language: str) -> str:
        return links.api(key, language if self.per_language else "")

    def render(self, key: str, edition: Edition) -> bytes:
        facts = edition.shared(_read, edition.page, edition.shared(overall_status), edition.stories)
        parts = {name: edition.cached(shape, facts) for name, shape in {"page": _page, **CONTENTS[key]}.items()}
        return json.dumps(parts, ensure_ascii=False, separators=(",", ":")).encode()


def _read(page: Page, overall: ComponentStatus, stories: Stories) -> Facts:
    public = Incident.objects.public()
    incidents, maintenance = public.incidents(), public.maintenances()
    listed = {
        "incidents": incidents.newest_first()[:NEWEST],
        "unresolved": incidents.ongoing().worst_first(),
        "maintenance": maintenance.latest_planned_first()[:NEWEST],
        "upcoming": maintenance.upcoming(),
        "active": maintenance.ongoing().oldest_first(),
    }
    found = {name: stories.of(rows.values_list("pk", flat=True)) for name, rows in listed.items()}
    return Facts(page, overall, list(Component.objects.public().in_page_order()), **found)


def _page(facts: Facts) -> Json:
    return page_shape(facts.page, facts.updated_at)


def _status(facts: Facts) -> Json:
    return status_shape(facts.overall)


def _components(facts: Facts) -> list[Json]:
    # Return the components in the page's order, each group before its members.
    members: dict[ComponentGroup | None, list[Component]] = defaultdict(list)
    for component in facts.components:
        members[component.group].append(component)
    return [row for group, listed in members.items() for row in _rows(group, listed, facts.page)]


def _rows(group: ComponentGroup | None, components: list[Component], page: Page) -> Iterator[Json]:
    if group is not None:
        yield group_shape(group, components, page)
    for component in components:
        yield component_shape(component, page)


def _stories(stories: list[Story], page: Page) -> list[Json]:
    return [incident_shape(story.incident, story.timeline, page) for story in stories]


def _unresolved(facts: Facts) -> list[Json]:
    return _stories(facts.unresolved, facts.page)


def _incidents(facts: Facts) -> list[Json]:
    return _stories(facts.incidents, facts.page)


def _scheduled(facts: Facts) -> list[Json]:
    # Return the maintenance in progress and the upcoming one.
    return [*_active(facts), *_upcoming(facts)]


def _maintenance(facts: Facts) -> list[Json]:
    return _stories(facts.maintenance, facts.page)


def _upcoming(facts: Facts) -> list[Json]:
    return _stories(facts.upcoming, facts.page)


def _active(facts: Facts) -> list[Json]:
    return _stories(facts.active, facts.page)


# By document name: its keys beside `page`, and the functions that return their values.
CONTENTS: dict[str, dict[str, Callable[[Facts], object]]] = {
    "summary": {
        "components": _components,
        "incidents": _unresolved,
        "scheduled_maintenances": _scheduled,
        "status": _status,
    },
    "status": {"status": _status},
    "components": {"components": _components},
    "incidents": {"incidents": _incidents},
    "incidents/unresolved": {"incidents": _unresolved},
    "scheduled-maintenances": {"scheduled_maintenances": _maintenance},
    "scheduled-maintenances/upcoming": {"scheduled_maintenances": _upcoming},
    "scheduled-maintenances/active": {"scheduled_maintenances": _active},
}
