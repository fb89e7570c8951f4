"""The rights that verbs ask for, as the names of Django's permissions.

Of incidents and of planned maintenance there are three each: `add` and `change` for drafts, `publish` for whatever
readers or subscribers get to see.
"""

from ..models import Incident
from ..status import Kind

COMPONENTS = "incidents.change_component"
NEW_COMPONENTS = "incidents.add_component"
GROUPS = "incidents.change_componentgroup"
NEW_GROUPS = "incidents.add_componentgroup"
REMOVED_GROUPS = "incidents.delete_componentgroup"
TEMPLATES = "incidents.change_updatetemplate"
NEW_TEMPLATES = "incidents.add_updatetemplate"
REMOVED_TEMPLATES = "incidents.delete_updatetemplate"
PAGE = "incidents.change_page"
NEW_PAGE = "incidents.add_page"
SUBSCRIBERS = "incidents.change_subscriber"


def add(kind: str) -> str:
    return f"incidents.add_{Kind(kind)}"


def change(kind: str) -> str:
    return f"incidents.change_{Kind(kind)}"


def publish(kind: str) -> str:
    return f"incidents.publish_{Kind(kind)}"


def edit(incident: Incident) -> str:
    """What a change of an incident needs: as soon as readers have seen it, the right to publish."""
    was_public = incident.is_public or incident.is_withdrawn
    return publish(incident.kind) if was_public else change(incident.kind)
