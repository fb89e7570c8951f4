"""`/api/v2/…` and `/da/api/v2/…`: the read side of the Statuspage API, published as files like the page itself."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from ... import links
from ...models import Component, ComponentGroup, Incident, Page, overall_status
from ...status import ComponentStatus
from ...statuspage_api import Json, component_shape, group_shape, incident_shape, page_shape, status_shape
from ..reading.story import Story, with_timeline
from .base import Document, Edition, Subjects

NEWEST = 50  # as many incidents, and as much maintenance, as the original lists
_EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, eq=False)
class Facts:
    """What the documents tell, read once for all of them in all languages."""

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
        """When anything that readers see last changed."""
        stories = [*self.incidents, *self.unresolved, *self.maintenance, *self.upcoming, *self.active]
        updates = (update.changed_at for story in stories for update in story.timeline)
        components = (component.updated_at for component in self.components)
        return max([self.page.updated_at or _EPOCH, *updates, *components])


class ApiDocument(Document):
    """One document in one language; `key` is its name, `incidents/unresolved` say."""

    def __init__(self, *, per_language: bool) -> None:
        self.per_language = per_language

    def all_keys(self) -> Iterable[str]:
        return CONTENTS

    def touched(self, subjects: Subjects) -> Iterable[str]:
        return CONTENTS if subjects.names - {"day"} else ()  # the bars of days are not in them

    def path(self, key: str, language: str) -> str:
        return links.api(key, language if self.per_language else "")

    def render(self, key: str, edition: Edition) -> bytes:
        facts = edition.read_once(_read, edition.page, edition.read_once(overall_status))
        parts = {name: edition.once(shaped, facts) for name, shaped in {"page": _page, **CONTENTS[key]}.items()}
        return json.dumps(parts, ensure_ascii=False, separators=(",", ":")).encode()


def _read(page: Page, overall: ComponentStatus) -> Facts:
    public = Incident.objects.public()
    incidents, maintenance = public.incidents(), public.maintenances()
    return Facts(
        page=page,
        overall=overall,
        components=list(Component.objects.public().in_page_order()),
        incidents=with_timeline(incidents.newest_first()[:NEWEST]),
        unresolved=with_timeline(incidents.ongoing().newest_first()),
        maintenance=with_timeline(maintenance.latest_planned_first()[:NEWEST]),
        upcoming=with_timeline(maintenance.upcoming()),
        active=with_timeline(maintenance.ongoing().oldest_first()),
    )


def _page(facts: Facts) -> Json:
    return page_shape(facts.page, facts.updated_at)


def _status(facts: Facts) -> Json:
    return status_shape(facts.overall)


def _components(facts: Facts) -> list[Json]:
    """In the page's order, each group before its own."""
    members: dict[ComponentGroup | None, list[Component]] = defaultdict(list)
    for component in facts.components:
        members[component.group].append(component)
    return [row for group, own in members.items() for row in _rows(group, own, facts.page)]


def _rows(group: ComponentGroup | None, own: list[Component], page: Page) -> Iterator[Json]:
    if group is not None:
        yield group_shape(group, own, page)
    for component in own:
        yield component_shape(component, page)


def _stories(stories: list[Story], page: Page) -> list[Json]:
    return [incident_shape(story.incident, story.timeline, page) for story in stories]


def _unresolved(facts: Facts) -> list[Json]:
    return _stories(facts.unresolved, facts.page)


def _incidents(facts: Facts) -> list[Json]:
    return _stories(facts.incidents, facts.page)


def _planned(facts: Facts) -> list[Json]:
    """Ahead and under way."""
    return [*_active(facts), *_upcoming(facts)]


def _maintenance(facts: Facts) -> list[Json]:
    return _stories(facts.maintenance, facts.page)


def _upcoming(facts: Facts) -> list[Json]:
    return _stories(facts.upcoming, facts.page)


def _active(facts: Facts) -> list[Json]:
    return _stories(facts.active, facts.page)


# Every document by its name: what stands in it beside the page.
CONTENTS: dict[str, dict[str, Callable[[Facts], object]]] = {
    "summary": {
        "components": _components,
        "incidents": _unresolved,
        "scheduled_maintenances": _planned,
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
