"""Verbs for API tokens."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..models import ActorKind, ApiToken, TokenScope
from ..models.ids import new_id
from ..sign_in import token_emails, tokens
from ..staff import rights
from ..staff.actors import Actor
from ..staff.scopes import offered_to
from .recording import verb

LONGEST = timedelta(days=365)


class MadeAlready(Exception):
    """There is a token with this id: the same form was sent twice. Its secret is shown only once."""


@verb
def create_token(
    *,
    owner: Any,
    name: str,
    scopes: Collection[str],
    expires_at: datetime,
    pk: str = "",
    by: Actor,
) -> ApiToken:
    """Make a token for an account, which notifies its owner; the attribute `secret` of the result has the secret.

    People make their own only. `pk` is chosen by the form. Raises ValidationError, field by field, and MadeAlready.
    """
    by.needs(rights.ADD_TOKEN)
    if by.kind == ActorKind.PERSON and by.user_id != owner.pk:
        raise PermissionDenied
    if pk and ApiToken.objects.filter(pk=pk).exists():
        raise MadeAlready
    _check(owner, name, scopes, expires_at)
    secret = tokens.new_secret()
    token = ApiToken.objects.create(
        pk=pk or new_id(),
        name=name.strip(),
        prefix=secret[: tokens.SHOWN],
        key_hash=tokens.hashed(secret),
        scopes=[scope.value for scope in TokenScope if scope in scopes],
        created_by=owner,
        expires_at=expires_at,
    )
    token.secret = secret
    token_emails.send_new_token(token, by.network)
    return token


@verb
def revoke_token(*, token: ApiToken, by: Actor) -> bool:
    """End a token for good; return False if it was revoked already. People may always revoke their own."""
    is_own = by.kind == ActorKind.PERSON and by.user is not None and by.user_id == token.created_by_id
    if not is_own:
        by.needs(rights.CHANGE_TOKEN)
    now = timezone.now()
    return ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=now, revoked_by=by.user_id) == 1


def _check(owner: Any, name: str, chosen: Collection[str], expires_at: datetime) -> None:
    errors: dict[str, Any] = {}
    if not 0 < len(name.strip()) <= 60:
        errors["name"] = _("Write a name of at most 60 characters.")
    if not chosen:
        errors["scopes"] = _("Choose what the token is for.")
    elif set(chosen) - set(offered_to(owner)):
        errors["scopes"] = _("A token can do no more than its owner.")
    now = timezone.now()
    if not now < expires_at <= now + LONGEST + timedelta(days=1):
        errors["expires_at"] = _("Choose a day within the next 365 days.")
    if errors:
        raise ValidationError(errors)
