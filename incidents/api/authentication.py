"""Who acts in a request: the token in the header Authorization, and how many requests it may send."""

from http import HTTPStatus
from typing import Protocol

from django.http import HttpRequest
from django.utils.translation import gettext as _

from ..sign_in import tokens
from ..staff.actors import Actor
from ..subscriptions import limits
from ..subscriptions.origin import network as network_of
from .problems import RequestRefused


class Take(Protocol):
    """Takes a place in a limit of requests with a token. Raises LimitReached."""

    def __call__(self, *, token: str) -> None: ...


def authenticate(request: HttpRequest, take: Take | None = None) -> Actor:
    """Return who acts, and count the request. Raises RequestRefused: 401 without a valid token, 429 with too many."""
    return actor_with(request.headers.get("Authorization"), network_of(request), take)


def actor_with(header: str | None, network: str, take: Take | None = None) -> Actor:
    """Return who acts with the token in a header Authorization. Raises RequestRefused as above."""
    try:
        actor = tokens.authenticate(header, network)
    except tokens.MissingToken:
        raise RequestRefused(HTTPStatus.UNAUTHORIZED, _("Send a token: “Authorization: OAuth TOKEN”.")) from None
    except tokens.MalformedHeader:
        raise RequestRefused(HTTPStatus.UNAUTHORIZED, _("Write the header as “Authorization: OAuth TOKEN”.")) from None
    except tokens.TooManyAttempts as error:
        raise RequestRefused(HTTPStatus.TOO_MANY_REQUESTS, _("Too many wrong tokens. Wait."), wait=error.wait) from None
    except tokens.InvalidToken:
        raise RequestRefused(
            HTTPStatus.UNAUTHORIZED, _("The token is unknown, expired or revoked, or its account may have none.")
        ) from None
    try:
        (take or limits.take_api_request)(token=actor.token.pk if actor.token else "")
    except limits.LimitReached as reached:
        raise RequestRefused(HTTPStatus.TOO_MANY_REQUESTS, _("Too many requests. Wait."), wait=reached.wait) from None
    return actor
