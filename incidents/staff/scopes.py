"""The scopes of API tokens: the rights that each has, and what it is in words."""

from collections.abc import Iterable
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ..models import TokenScope
from ..status import Kind
from . import rights
from .roles import Role, rights_of

# The rights that a scope is chosen for. With none of them, an account is not offered the scope.
_OWN: dict[TokenScope, list[str]] = {
    TokenScope.READ: ["incidents.view_incident", "incidents.view_maintenance"],
    TokenScope.DRAFT: [deed(kind) for deed in (rights.add, rights.change) for kind in Kind],
    TokenScope.PUBLISH: [rights.publish(kind) for kind in Kind],
    TokenScope.COMPONENTS: [rights.SET_STATUS],
    TokenScope.ALERTS: [rights.SEND_ALERTS],
    TokenScope.SUBSCRIBERS: [rights.CHANGE_SUBSCRIBER],
    TokenScope.ADMIN: [
        *(rights.ADD_COMPONENT, rights.CHANGE_COMPONENT),
        *(rights.ADD_GROUP, rights.CHANGE_GROUP, rights.DELETE_GROUP),
        *(rights.ADD_PAGE, rights.CHANGE_PAGE),
    ],
}
_SEE_COMPONENTS = ["incidents.view_component", "incidents.view_componentgroup"]
_RIGHTS: dict[TokenScope, frozenset[str]] = {
    TokenScope.READ: frozenset(rights_of(Role.READER)),
    TokenScope.DRAFT: frozenset(rights_of(Role.WRITER)),
    TokenScope.PUBLISH: frozenset([*rights_of(Role.PUBLISHER), rights.SET_STATUS]),
    TokenScope.COMPONENTS: frozenset([*_OWN[TokenScope.COMPONENTS], *_SEE_COMPONENTS]),
    TokenScope.ALERTS: frozenset(_OWN[TokenScope.ALERTS]),
    TokenScope.SUBSCRIBERS: frozenset([*_OWN[TokenScope.SUBSCRIBERS], "incidents.view_subscriber"]),
    TokenScope.ADMIN: frozenset([*_OWN[TokenScope.ADMIN], rights.SET_STATUS, *_SEE_COMPONENTS, "incidents.view_page"]),
}
EXPLANATIONS: dict[TokenScope, str | Promise] = {
    TokenScope.READ: _(
        "see incidents and maintenance with their drafts, and how subscribers were notified; no addresses"
    ),
    TokenScope.DRAFT: _("also write drafts, which nobody outside the newsroom sees"),
    TokenScope.PUBLISH: _("also publish, correct and withdraw, notify subscribers, set statuses and change templates"),
    TokenScope.COMPONENTS: _("set the status of components, and nothing else: for monitoring"),
    TokenScope.ALERTS: _("send alerts, of which alert rules make incidents, and nothing else: for monitoring"),
    TokenScope.SUBSCRIBERS: _("see addresses of subscribers and end subscriptions"),
    TokenScope.ADMIN: _("add and change components and their groups, and change the page settings"),
}


def include(names: Iterable[str], right: str) -> bool:
    """Whether one of the scopes has a right such as `incidents.publish_incident`."""
    return any(right in _RIGHTS[TokenScope(name)] for name in names)


def rights_of_scope(scope: TokenScope) -> frozenset[str]:
    return _RIGHTS[scope]


def offered_to(user: Any) -> list[TokenScope]:
    """The scopes that are of use to an account: it has at least one of the rights that each is chosen for."""
    return [
        scope
        for scope, own in _OWN.items()
        if any(user.has_perm(one) for right in own for one in rights.sufficient(right))
    ]


def in_words(names: Iterable[str]) -> str:
    """Names of scopes as people read them, in the order in which they are offered."""
    chosen = set(names)
    return ", ".join(str(scope.label) for scope in TokenScope if scope in chosen)
