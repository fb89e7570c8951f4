"""The links in the header of every page of the admin."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

# The lists that staff open most; the others are behind “More”.
FIRST = ("incident", "maintenance", "component", "subscriber", "delivery")


@dataclass(frozen=True)
class Link:
    name: str
    label: str
    address: str
    is_current: bool


@dataclass(frozen=True)
class Navigation:
    first: list[Link]
    more: list[Link]

    @property
    def more_is_current(self) -> bool:
        return any(link.is_current for link in self.more)


def navigation(apps: Iterable[dict[str, Any]], path: str) -> Navigation:
    """Return the links to the lists among Django's `available_apps` that this user may see."""
    models = [model for app in apps for model in app["models"] if model["admin_url"]]
    links = {link.name: link for link in (_link(model, path) for model in models)}
    first = [links.pop(name) for name in FIRST if name in links]
    return Navigation(first, list(links.values()))


def _link(model: dict[str, Any], path: str) -> Link:
    address = model["admin_url"]
    return Link(model["object_name"].lower(), str(model["name"]), address, path.startswith(address))
