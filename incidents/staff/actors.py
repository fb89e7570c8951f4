"""Who acts: staff, their API tokens, agents, commands on the server, or the scheduler. Verbs check their rights."""

from dataclasses import dataclass, replace
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import PermissionDenied

from ..models import ActorKind, ApiToken
from . import scopes
from .rights import sufficient


@dataclass(frozen=True)
class Actor:
    """`name` is the log-in name of a person, the name of a command, or that of a token with its owner's in brackets.

    `network` is where a request came from; `user` of a token is its owner. An agent has a token, too.
    """

    kind: ActorKind
    name: str
    user: AbstractBaseUser | None = None
    network: str = ""
    token: ApiToken | None = None

    @property
    def user_id(self) -> int | None:
        return self.user.pk if self.user is not None else None

    def may(self, right: str) -> bool:
        """Whether the actor has a right such as `incidents.publish_incident`.

        A token has the rights of its scopes that its owner has, too. Who runs a command has the server, and the
        scheduler does what a person decided.
        """
        if self.kind in {ActorKind.COMMAND, ActorKind.SCHEDULER}:
            return True
        if self.kind in {ActorKind.TOKEN, ActorKind.AGENT} and not self._scopes_include(right):
            return False
        return _may(self.user, right)

    def _scopes_include(self, right: str) -> bool:
        return self.token is not None and scopes.include(self.token.scopes, right)

    def needs(self, *rights: str) -> None:
        """Raise PermissionDenied unless the actor has one of the rights."""
        if not any(self.may(right) for right in rights):
            raise PermissionDenied


SCHEDULER = Actor(ActorKind.SCHEDULER, "scheduler")


def person(user: Any, network: str = "") -> Actor:
    """A member of staff, and the network that their request came from."""
    return Actor(ActorKind.PERSON, user.get_username(), user, network)


def not_logged_in(account: Any, network: str) -> Actor:
    """Somebody who tried to log in; `account` is the one they tried, or None if there is none.

    Without one the name is "?": what was typed may be a password, and what a provider sends an address.
    """
    return Actor(ActorKind.PERSON, account.get_username() if account else "?", network=network)


def with_token(token: ApiToken, network: str) -> Actor:
    """A program that uses an API token. Raises ValueError if the token has no owner any more."""
    if token.created_by is None:
        raise ValueError(token.pk)
    owner = token.created_by
    return Actor(ActorKind.TOKEN, f"{token.name} ({owner.get_username()})", owner, network, token)


def agent(actor: Actor) -> Actor:
    """The same token, used by an agent: what it drafts is marked for the person who approves it."""
    return replace(actor, kind=ActorKind.AGENT)


def command(name: str) -> Actor:
    return Actor(ActorKind.COMMAND, name)


def _may(user: Any, right: str) -> bool:
    return bool(user.is_staff and any(user.has_perm(one) for one in sufficient(right)))
