"""The roles that are shipped: groups of Django, whose rights `manage.py migrate` keeps up to date.

A right is a name such as `incidents.change_incident`; a permission is Django's row for it.

Each role includes those before it. A person can have several roles, groups of the installation's own and single
rights as well.
"""

from enum import StrEnum
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Role(StrEnum):
    READER = "reader"
    WRITER = "writer"
    PUBLISHER = "publisher"
    ADMINISTRATOR = "administrator"

    @property
    def group_name(self) -> str:
        """The name of its group in the database; it cannot clash with a group of the installation's own."""
        return f"role:{self.value}"


LABELS: dict[Role, str | Promise] = {
    Role.READER: _("Reader"),
    Role.WRITER: _("Writer"),
    Role.PUBLISHER: _("Publisher"),
    Role.ADMINISTRATOR: _("Administrator"),
}
EXPLANATIONS: dict[Role, str | Promise] = {
    Role.READER: _("sees drafts, announcements and deliveries; addresses of subscribers are masked"),
    Role.WRITER: _("also writes drafts, which nobody outside the newsroom sees"),
    Role.PUBLISHER: _(
        "also publishes, notifies subscribers, corrects, withdraws, sets the status of components, and writes "
        "templates and alert rules"
    ),
    Role.ADMINISTRATOR: _(
        "also changes components and the page, sees and ends subscriptions, reads the audit log, and manages accounts, "
        "groups and API tokens"
    ),
}

_SEEN = (
    "incident maintenance component componentgroup updatetemplate page subscriber announcement delivery bounce "
    "alertrule monitoringalert"
)
_OWN_RIGHTS: dict[Role, list[str]] = {
    Role.READER: [f"incidents.view_{model}" for model in _SEEN.split()],
    Role.WRITER: [f"incidents.{deed}_{kind}" for kind in ("incident", "maintenance") for deed in ("add", "change")],
    Role.PUBLISHER: [
        "incidents.publish_incident",
        "incidents.publish_maintenance",
        *(f"incidents.{deed}_updatetemplate" for deed in ("add", "change", "delete")),
        *(f"incidents.{deed}_alertrule" for deed in ("add", "change", "delete")),
        "incidents.add_monitoringalert",
    ],
    Role.ADMINISTRATOR: [
        *(f"incidents.{deed}_component" for deed in ("add", "change")),
        *(f"incidents.{deed}_componentgroup" for deed in ("add", "change", "delete")),
        *(f"incidents.{deed}_page" for deed in ("add", "change")),
        "incidents.change_subscriber",
        "incidents.view_auditentry",
        *(f"incidents.{deed}_apitoken" for deed in ("add", "change")),
        *(f"auth.{deed}_{model}" for model in ("user", "group") for deed in ("view", "add", "change", "delete")),
    ],
}


# What each right lets somebody do, in words; the rights that come with it are left out.
DEEDS: list[tuple[str, str | Promise]] = [
    ("incidents.view_incident", _("see drafts of incidents, and how subscribers were notified")),
    ("incidents.view_maintenance", _("see drafts of planned maintenance")),
    ("incidents.add_incident", _("write drafts of incidents")),
    ("incidents.add_maintenance", _("write drafts of planned maintenance")),
    ("incidents.publish_incident", _("publish, correct and withdraw incidents, and notify subscribers")),
    ("incidents.publish_maintenance", _("publish, move and cancel planned maintenance, and notify subscribers")),
    ("incidents.change_updatetemplate", _("change templates")),
    ("incidents.change_alertrule", _("change the rules that make incidents of alerts from monitoring")),
    ("incidents.change_component", _("change components")),
    ("incidents.change_componentgroup", _("change groups of components")),
    ("incidents.change_page", _("change the page settings")),
    ("incidents.change_subscriber", _("see addresses of subscribers, export them and end subscriptions")),
    ("incidents.view_auditentry", _("read the audit log")),
    ("incidents.add_apitoken", _("make API tokens that can do no more than they can")),
    ("incidents.change_apitoken", _("see and revoke the API tokens of everybody")),
    ("auth.change_user", _("manage accounts")),
    ("auth.change_group", _("manage groups of accounts")),
]


def deeds_of(user: Any) -> list[str]:
    """What a person may do, in words."""
    return [str(deed) for right, deed in DEEDS if user.has_perm(right)]


def rights_of(role: Role) -> list[str]:
    """The rights of a role, those of the roles that it includes too, such as `incidents.change_incident`."""
    included = list(Role)[: list(Role).index(role) + 1]
    return [right for one in included for right in _OWN_RIGHTS[one]]


@transaction.atomic
def update_groups() -> None:
    """Create the groups of the roles, or give them the rights that this version says."""
    for role in Role:
        group, _created = Group.objects.get_or_create(name=role.group_name)
        group.permissions.set(permissions(rights_of(role)))


def permissions_of(user: Any) -> QuerySet[Permission]:
    """The permissions of an account and of its groups; also of an inactive one, of which Django counts none."""
    if user.is_superuser:
        return Permission.objects.all()
    return Permission.objects.filter(Q(user=user) | Q(group__user=user)).distinct()


def permissions(rights: list[str]) -> QuerySet[Permission]:
    """The permissions of these names."""
    wanted = Q(pk=None)
    for right in rights:
        app, _dot, codename = right.partition(".")
        wanted |= Q(content_type__app_label=app, codename=codename)
    return Permission.objects.filter(wanted)


def role_of(group_name: str) -> Role | None:
    """The role that a group is for, if any."""
    return next((role for role in Role if role.group_name == group_name), None)


def group_label(group_name: str) -> str:
    """The name of a group as people read it."""
    role = role_of(group_name)
    return str(LABELS[role]) if role else group_name
