"""The rights that verbs ask for, as the names of Django's permissions.

Of incidents and of planned maintenance there are three each: `add` and `change` for drafts, `publish` for whatever
readers or subscribers get to see.
"""

from ..models import Incident
from ..status import Kind

CHANGE_COMPONENT = "incidents.change_component"
ADD_COMPONENT = "incidents.add_component"
CHANGE_GROUP = "incidents.change_componentgroup"
ADD_GROUP = "incidents.add_componentgroup"
DELETE_GROUP = "incidents.delete_componentgroup"
CHANGE_TEMPLATE = "incidents.change_updatetemplate"
ADD_TEMPLATE = "incidents.add_updatetemplate"
DELETE_TEMPLATE = "incidents.delete_updatetemplate"
ADD_ALERT_RULE = "incidents.add_alertrule"
CHANGE_ALERT_RULE = "incidents.change_alertrule"
DELETE_ALERT_RULE = "incidents.delete_alertrule"
SEND_ALERTS = "incidents.add_monitoringalert"
CHANGE_PAGE = "incidents.change_page"
ADD_PAGE = "incidents.add_page"
CHANGE_SUBSCRIBER = "incidents.change_subscriber"
ADD_TOKEN = "incidents.add_apitoken"  # noqa: S105 - a permission
CHANGE_TOKEN = "incidents.change_apitoken"  # noqa: S105 - a permission
# No permission of its own: people have it with others, and tokens can have it alone.
SET_STATUS = "incidents.set_component_status"


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


def sufficient(right: str) -> tuple[str, ...]:
    """Return the permissions of which a person needs one."""
    return (CHANGE_COMPONENT, publish(Kind.INCIDENT)) if right == SET_STATUS else (right,)
