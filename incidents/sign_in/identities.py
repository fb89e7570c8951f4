"""Who somebody is elsewhere: what an OpenID provider or a proxy says of a person."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

REMOTE_USER = "remote-user"
_NOT_IN_NAMES = re.compile(r"[^\w.@+-]+")
_MAX_SUBJECT = 255
_MAX_NAME = 150


@dataclass(frozen=True)
class Identity:
    """`issuer` and `subject` name the person for good; the rest may change with each log-in.

    `authenticated_at` is when the person last typed a password there, if the provider says so.
    """

    issuer: str
    subject: str
    name: str = ""
    email: str = ""
    groups: tuple[str, ...] = ()
    authenticated_at: datetime | None = None

    @property
    def username(self) -> str:
        """A log-in name for a new account, with the characters that Django allows."""
        wanted = unicodedata.normalize("NFKC", self.name or self.email or self.subject)  # as Django stores it
        return _NOT_IN_NAMES.sub("-", wanted)[:_MAX_NAME]

    def wanted_groups(self) -> set[str]:
        """The names of the groups of accounts that follow from SSO_ROLES."""
        return {ours for theirs, ours in settings.SSO_ROLES if theirs == "*" or theirs in self.groups}


def is_valid_subject(subject: object) -> bool:
    return isinstance(subject, str) and 0 < len(subject) <= _MAX_SUBJECT and subject.isprintable()


def mapped_groups() -> set[str]:
    """The groups of accounts that single sign-on gives and takes away."""
    return {ours for _theirs, ours in settings.SSO_ROLES}
