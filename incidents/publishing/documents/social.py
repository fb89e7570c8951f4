"""Preview pictures for social networks and chats, which do not accept SVG: one per state and language, as PNG.

`python -m tools.social_pictures` draws them from DRAWINGS in advance and stores them in
`static/img/social/`. Languages without pictures of their own use those without text, in `any/`.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ...appearance import NONE, SCHEDULED
from ...labels import COMPONENT_STATUSES, OVERALL, PHASES
from ...models import Incident
from ...status import ComponentStatus, Phase
from ..reading.story import Story
from .base import Document, Edition, Subjects

WIDTH, HEIGHT = 1200, 630
WORDLESS = "any"
FOLDER = Path(settings.BASE_DIR) / "static" / "img" / "social"


@dataclass(frozen=True)
class Drawing:
    """A picture with the shape and colour of a state, and a text beside them."""

    state: str
    words: Promise | str


# By name: for the whole page, an incident, a component, and pages without a state.
DRAWINGS = {
    **{f"page-{state}": Drawing(state, OVERALL[state]) for state in ComponentStatus},
    **{
        f"incident-{state}": Drawing(state, COMPONENT_STATUSES[state])
        for state in ComponentStatus
        if state != ComponentStatus.OPERATIONAL
    },
    "incident-none": Drawing(NONE, _("Incident")),
    "incident-scheduled": Drawing(SCHEDULED, _("Planned maintenance")),
    "incident-resolved": Drawing(ComponentStatus.OPERATIONAL, PHASES[Phase.RESOLVED]),
    "incident-completed": Drawing(ComponentStatus.OPERATIONAL, PHASES[Phase.COMPLETED]),
    "incident-cancelled": Drawing(NONE, PHASES[Phase.CANCELLED]),
    "component-operational": Drawing(ComponentStatus.OPERATIONAL, COMPONENT_STATUSES[ComponentStatus.OPERATIONAL]),
    "history": Drawing(NONE, _("History")),
    "follow": Drawing(NONE, _("Follow")),
}


class SocialPicture(Document):
    """`/assets/social-da-page-operational-<hash>.png`; `key` is `da/page-operational`."""

    per_language = False

    def all_keys(self) -> Iterable[str]:
        folders = dict.fromkeys(_folder(code) for code, _name in settings.LANGUAGES)
        return [f"{folder}/{name}" for folder in folders for name in DRAWINGS]

    def touched(self, subjects: Subjects) -> Iterable[str]:
        return []

    def path(self, key: str, language: str) -> str:
        return _path(key)

    def render(self, key: str, edition: Edition) -> bytes:
        return _content(key)


def picture_path(name: str, language: str) -> str:
    """Return the public path of the picture in a language."""
    return _path(f"{_folder(language)}/{name}")


def page_picture(state: str) -> str:
    return f"page-{state}"


def component_picture(status: str) -> str:
    """Return the name of the picture; unless operational, it is that of an incident with the same state."""
    return "component-operational" if status == ComponentStatus.OPERATIONAL else f"incident-{status}"


def incident_picture(story: Story) -> str:
    """Return the name of the picture for the state of the incident."""
    incident: Incident = story.incident
    if incident.phase == Phase.CANCELLED:
        return "incident-cancelled"
    if incident.is_over:
        return "incident-completed" if incident.is_maintenance else "incident-resolved"
    return f"incident-{story.state}"


@lru_cache
def _folder(language: str) -> str:
    return language if (FOLDER / language).is_dir() else WORDLESS


@lru_cache(maxsize=256)
def _content(key: str) -> bytes:
    return (FOLDER / f"{key}.png").read_bytes()


@lru_cache(maxsize=256)
def _path(key: str) -> str:
    digest = hashlib.sha256(_content(key)).hexdigest()[:12]
    return f"/assets/social-{key.replace('/', '-')}-{digest}.png"
