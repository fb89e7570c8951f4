"""Whom single sign-on lets in: linked accounts, new ones, and the roles that follow from groups elsewhere.

An account that exists is never taken over because a name or an address is the same: both can be chosen or reused
elsewhere. Somebody who may change the account links it, by the identifier that the provider vouches for.
"""

from enum import StrEnum
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import Q

from ..models import ExternalAccount
from ..staff import audit
from ..staff.actors import Actor, not_logged_in, person
from . import sessions
from .identities import Identity, mapped_groups
from .log_in_counts import LogIn, count_log_in


class Refusal(StrEnum):
    NO_ROLE = "no role"
    INACTIVE = "inactive"
    NOT_LINKED = "not linked"


class AlreadyLinked(Exception):
    """The identity belongs to an account already."""


@transaction.atomic
def let_in(identity: Identity, *, network: str) -> Any:
    """Return the account to log in, with the roles that follow from the identity's groups, or a Refusal.

    Superusers are neither made nor unmade by groups.
    """
    audit.take_turn()  # also keeps a person who arrives twice from getting two accounts
    user = account_of(identity)
    if user is None:
        return _add(identity, network)
    if not user.is_active:
        return Refusal.INACTIVE
    _follow_groups(identity, user, network)
    has_rights = user.is_superuser or user.groups.exists() or user.user_permissions.exists()
    return user if user.is_staff and has_rights else Refusal.NO_ROLE


def account_of(identity: Identity) -> Any:
    """Return the account that is linked with an identity, or None."""
    link = ExternalAccount.objects.select_related("user").filter(issuer=identity.issuer, subject=identity.subject)
    return getattr(link.first(), "user", None)


@transaction.atomic
def link_account(*, by: Actor, user: Any, issuer: str, subject: str) -> ExternalAccount:
    """Let an identity log in to this account. Raises AlreadyLinked."""
    audit.take_turn()
    link, is_new = ExternalAccount.objects.get_or_create(issuer=issuer, subject=subject, defaults={"user": user})
    if not is_new:
        raise AlreadyLinked
    audit.record(by, "link_account", user)
    return link


@transaction.atomic
def unlink_account(*, by: Actor, user: Any, number: int) -> bool:
    """Take the link away and end the account's sessions; return whether there was one."""
    deleted, _rows = ExternalAccount.objects.filter(user=user, pk=number).delete()
    if deleted:
        sessions.end_sessions(user=user)
        audit.record(by, "unlink_account", user)
    return bool(deleted)


def record_failure(user: Any, network: str) -> None:
    """Note in the audit log that somebody was not let in; `user` is the account, if it is known."""
    count_log_in(LogIn.REFUSED)
    audit.record(not_logged_in(user, network), "fail_single_sign_on", user)


def _add(identity: Identity, network: str) -> Any:
    users = get_user_model()._default_manager
    same = Q(username__iexact=identity.username)
    if identity.email:
        same |= Q(email__iexact=identity.email)
    if users.filter(same).exists():
        return Refusal.NOT_LINKED
    groups = _groups(identity.wanted_groups())
    if not groups:
        return Refusal.NO_ROLE
    user: Any = users.create_user(identity.username, identity.email or None, is_staff=True)
    user.groups.set(groups)
    ExternalAccount.objects.create(user=user, issuer=identity.issuer, subject=identity.subject)
    audit.record(
        person(user, network), "add_own_account", user, after={"groups": sorted(group.name for group in groups)}
    )
    return user


def _follow_groups(identity: Identity, user: Any, network: str) -> None:
    # Groups that SSO_ROLES does not name stay as they are.
    before = set(user.groups.values_list("name", flat=True))
    after = (before - mapped_groups()) | {group.name for group in _groups(identity.wanted_groups())}
    if before == after:
        return
    user.groups.set(_groups(after))
    sessions.end_sessions(user=user)
    names = {"before": {"groups": sorted(before)}, "after": {"groups": sorted(after)}}
    audit.record(person(user, network), "follow_groups", user, **names)


def _groups(names: set[str]) -> list[Group]:
    return list(Group.objects.filter(name__in=names))
