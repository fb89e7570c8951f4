"""API tokens: what their secrets look like, and which one a request contains.

A secret is `sp_`, 43 letters and digits at random (256 bits), and a checksum of six: programs that look for leaked
secrets recognise it with few false alarms, as those of GitHub.
"""

import hashlib
import re
import secrets
import string
import zlib
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone

from ..models import ApiToken
from ..staff import rights
from ..staff.actors import Actor, with_token
from ..subscriptions import limits

PREFIX = "sp_"
SHOWN = len(PREFIX) + 8
_ALPHABET = string.digits + string.ascii_letters
_LENGTH = 43
_CHECKSUM_LENGTH = 6
# The clients of Statuspage send “OAuth”; RFC 6750 says “Bearer”. RFC 9110 §11.1: the case of a scheme does not matter.
_HEADER = re.compile(r"(?:OAuth|Bearer) +([\x21-\x7e]{1,200}) *", re.IGNORECASE)
_USED_EVERY = timedelta(minutes=1)


class TokenRefused(Exception):
    """A request may not use the API."""


class MissingToken(TokenRefused):
    """There is no header Authorization."""


class MalformedHeader(TokenRefused):
    """The header is not `OAuth` or `Bearer` followed by a token."""


class InvalidToken(TokenRefused):
    """The token is unknown, expired or revoked, or its owner may not have tokens any more."""


class TooManyAttempts(TokenRefused):
    """Many requests from this network had a token that is not valid. `wait` is the time until the next attempt."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__()
        self.wait = wait


def new_secret() -> str:
    random = "".join(secrets.choice(_ALPHABET) for _place in range(_LENGTH))
    return f"{PREFIX}{random}{_checksum(random)}"


def hashed(secret: str) -> str:
    """The hash that is stored. Secrets are long and random, so it needs neither salt nor key."""
    return hashlib.sha256(secret.encode()).hexdigest()


def authenticate(header: str | None, network: str) -> Actor:
    """Return who acts, from the header Authorization of a request. Raises TokenRefused.

    A valid token is accepted however many wrong ones came from its network. Looking it up by its hash takes a time
    that says nothing about other tokens.
    """
    secret = _secret_in(header)
    token = _valid(secret, timezone.now()) if _is_well_formed(secret) else None
    if token is None:
        try:
            limits.take_wrong_token(network=network)
        except limits.LimitReached as reached:
            raise TooManyAttempts(reached.wait) from None
        raise InvalidToken
    _record_use(token, network, timezone.now())
    return with_token(token, network)


def _secret_in(header: str | None) -> str:
    if not header:
        raise MissingToken
    found = _HEADER.fullmatch(header)
    if found is None:
        raise MalformedHeader
    return found[1]


def _is_well_formed(secret: str) -> bool:
    random = secret.removeprefix(PREFIX)[:-_CHECKSUM_LENGTH]
    return len(random) == _LENGTH and secret == f"{PREFIX}{random}{_checksum(random)}"


def _checksum(random: str) -> str:
    number, digits = zlib.crc32(random.encode()), ""
    for _place in range(_CHECKSUM_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits


def _valid(secret: str, now: datetime) -> ApiToken | None:
    token = ApiToken.objects.valid(now).select_related("created_by").filter(key_hash=hashed(secret)).first()
    return token if token and is_owner_entitled(token) else None


def is_owner_entitled(token: ApiToken) -> bool:
    """Whether the account that made the token exists, is active, and may still have tokens."""
    owner = token.created_by
    return owner is not None and owner.is_active and owner.is_staff and owner.has_perm(rights.ADD_TOKEN)


def _record_use(token: ApiToken, network: str, now: datetime) -> None:
    # At most once a minute, so that most requests write nothing.
    is_old = Q(last_used_at=None) | Q(last_used_at__lte=now - _USED_EVERY)
    if token.last_used_at is None or token.last_used_at + _USED_EVERY <= now:
        ApiToken.objects.filter(is_old, pk=token.pk).update(last_used_at=now, last_used_network=network)
