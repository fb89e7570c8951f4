"""Who acts: a member of staff, a command on the server, or the scheduler. Verbs check their rights."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import PermissionDenied


class ActorKind(StrEnum):
    PERSON = "person"
    COMMAND = "command"
    SCHEDULER = "scheduler"


@dataclass(frozen=True)
class Actor:
    """`name` is the log-in name of a person or the name of a command; `network` is where a request came from."""

    kind: ActorKind
    name: str
    user: AbstractBaseUser | None = None
    network: str = ""

    @property
    def user_id(self) -> int | None:
        return self.user.pk if self.user is not None else None

    def may(self, right: str) -> bool:
        """Whether the actor has a right such as `incidents.publish_incident`.

        Who runs a command has the server, and the scheduler does what a person decided.
        """
        if self.kind is not ActorKind.PERSON:
            return True
        user: Any = self.user  # staff have permissions
        return bool(user.is_staff and user.has_perm(right))

    def needs(self, *rights: str) -> None:
        """Raise PermissionDenied unless the actor has one of the rights."""
        if not any(self.may(right) for right in rights):
            raise PermissionDenied


SCHEDULER = Actor(ActorKind.SCHEDULER, "scheduler")


def person(user: Any, network: str = "") -> Actor:
    """A member of staff, and the network that their request came from."""
    return Actor(ActorKind.PERSON, user.get_username(), user, network)


def command(name: str) -> Actor:
    return Actor(ActorKind.COMMAND, name)
