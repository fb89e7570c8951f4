"""One-time links that take the place of a password: the way back in when single sign-on does not work."""

import secrets
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from ..models import LogInLink
from ..staff import audit
from ..staff.actors import Actor, person
from .keyed_hashes import accepted_hashes, keyed_hash

VALID_FOR = timedelta(minutes=15)
_PURPOSE = "log_in_link"


@transaction.atomic
def make_log_in_link(*, by: Actor, user: Any, now: datetime) -> str:
    """Return the token of a new link; an earlier link of the account becomes void."""
    token = secrets.token_urlsafe(32)
    values = {"key": keyed_hash(_PURPOSE, token), "expires_at": now + VALID_FOR}
    LogInLink.objects.update_or_create(user=user, defaults=values)
    audit.record(by, "make_log_in_link", user)
    return token


@transaction.atomic
def use_log_in_link(*, token: str, network: str, now: datetime) -> Any:
    """Return the account of a valid link, which is used up by that, or None."""
    found = LogInLink.objects.select_for_update().filter(key__in=accepted_hashes(_PURPOSE, token), expires_at__gt=now)
    link = found.select_related("user").first()
    if link is None:
        return None
    link.delete()
    if not (link.user.is_active and link.user.is_staff):
        return None
    audit.record(person(link.user, network), "use_log_in_link", link.user)
    return link.user


def delete_expired(now: datetime) -> None:
    LogInLink.objects.filter(expires_at__lte=now).delete()
