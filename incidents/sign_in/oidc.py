"""Log in with OpenID Connect: to the provider and back, by the code flow with PKCE, state and nonce.

Authlib checks the token; here is what belongs to it: the session that began is the one that ends it, once.
"""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import requests
from authlib.common.errors import AuthlibBaseError
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from joserfc.errors import JoseError

from .identities import Identity, is_valid_subject
from .oidc_client import BrokenProvider, provider

logger = logging.getLogger(__name__)

_ATTEMPTS = "oidc_attempts"
_MAX_ATTEMPTS = 5  # tabs in which a person begins to log in
_VALID_FOR = timedelta(minutes=10)
_LEEWAY = 60  # seconds by which the provider's clock may differ
# What a broken or hostile answer can cause in Authlib, which reads it without checking its form.
_UNREADABLE = (
    AuthlibBaseError,
    JoseError,
    BrokenProvider,
    RuntimeError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
)


class LogInProblem(StrEnum):
    UNREACHABLE = "unreachable"
    LOST = "lost"
    DECLINED = "declined"
    INVALID = "invalid"
    NOT_FRESH = "not fresh"


class LogInFailed(Exception):
    def __init__(self, problem: LogInProblem) -> None:
        super().__init__(problem)
        self.problem = problem


@dataclass(frozen=True)
class Arrival:
    """Who arrives from the provider, where they wanted to go, and whether they only confirm who they are."""

    identity: Identity
    target: str
    is_confirmation: bool


def redirect_address() -> str:
    """The address that must be registered with the provider."""
    return f"{settings.SITE_URL}{reverse('admin:single_sign_on_callback')}"


def begin(request: HttpRequest, *, target: str, confirm: bool) -> str:
    """Remember an attempt in the session; return the address at the provider. Raises LogInFailed."""
    extra = {"prompt": "login", "max_age": "0"} if confirm else {}
    try:
        found = provider().create_authorization_url(
            redirect_address(), scope=provider().scopes(), ui_locales=get_language(), **extra
        )
    except (requests.RequestException, *_UNREADABLE) as error:
        raise _failed(LogInProblem.UNREACHABLE, error) from error
    attempts = request.session.get(_ATTEMPTS, {})
    attempts[found["state"]] = {
        "nonce": found["nonce"],
        "code_verifier": found["code_verifier"],
        "target": target,
        "confirm": confirm,
        "at": timezone.now().timestamp(),
    }
    request.session[_ATTEMPTS] = dict(list(attempts.items())[-_MAX_ATTEMPTS:])
    if not request.user.is_authenticated:
        request.session.set_expiry(_VALID_FOR)
    return str(found["url"])


def has_attempt(request: HttpRequest) -> bool:
    """Whether this session began the log-in whose answer this is."""
    return request.GET.get("state", "") in request.session.get(_ATTEMPTS, {})


def complete(request: HttpRequest) -> Arrival:
    """Exchange the code for a token and check it. Each attempt can be completed once. Raises LogInFailed."""
    attempts = request.session.get(_ATTEMPTS, {})
    attempt = attempts.pop(request.GET.get("state", ""), None)
    request.session[_ATTEMPTS] = attempts
    now = timezone.now()
    if attempt is None or now - datetime.fromtimestamp(attempt["at"], UTC) > _VALID_FOR:
        raise LogInFailed(LogInProblem.LOST)
    if "error" in request.GET:
        raise LogInFailed(LogInProblem.DECLINED)
    try:
        identity = _identity(request, attempt)
    except requests.RequestException as error:
        raise _failed(LogInProblem.UNREACHABLE, error) from error
    except _UNREADABLE as error:
        raise _failed(LogInProblem.INVALID, error) from error
    if attempt["confirm"] and not _is_fresh(identity, attempt):
        raise LogInFailed(LogInProblem.NOT_FRESH)
    return Arrival(identity, attempt["target"], attempt["confirm"])


def log_out_address() -> str:
    """Where a person can log out of the provider too (RP-Initiated Logout 1.0); "" if it offers nothing."""
    back = f"{settings.SITE_URL}{reverse('admin:login')}"
    try:
        if not provider().load_server_metadata().get("end_session_endpoint"):
            return ""
        found = provider().create_logout_url(back, client_id=settings.OIDC.client_id)
    except (requests.RequestException, *_UNREADABLE):
        return ""
    return str(found["url"])


def _identity(request: HttpRequest, attempt: dict[str, Any]) -> Identity:
    issuer, client_id = settings.OIDC.issuer, settings.OIDC.client_id
    if request.GET.get("iss", issuer) != issuer:  # RFC 9207
        raise BrokenProvider("The answer is from another issuer.")
    token = provider().fetch_access_token(
        redirect_address(), code=request.GET.get("code", ""), code_verifier=attempt["code_verifier"]
    )
    expected = {"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": client_id}}
    claims = provider().parse_id_token(token, nonce=attempt["nonce"], claims_options=expected, leeway=_LEEWAY)
    if not claims or not is_valid_subject(claims.get("sub")):
        raise BrokenProvider("The answer has no ID token, or one without a subject.")
    claims = _with_user_info(claims, token)
    since = claims.get("auth_time")
    return Identity(
        issuer=issuer,
        subject=claims["sub"],
        name=_text(claims.get("preferred_username")),
        email=_text(claims.get("email"), max_length=254),
        groups=_groups(claims),
        authenticated_at=datetime.fromtimestamp(since, UTC) if isinstance(since, int | float) else None,
    )


def _with_user_info(claims: Any, token: Any) -> dict[str, Any]:
    # Some providers (Authelia) have names and groups only there. What the signed token says counts first.
    if not provider().load_server_metadata().get("userinfo_endpoint") or _claim(claims) is not None:
        return dict(claims)
    said = provider().userinfo(token=token)
    if said.get("sub") != claims["sub"]:
        raise BrokenProvider("The user info is about somebody else.")
    return {**said, **claims}


def _claim(claims: Any) -> Any:
    # The claim by its name, or by a path such as Keycloak's `realm_access.roles`.
    name = settings.OIDC.groups_claim
    if name in claims:
        return claims[name]
    found = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _groups(claims: Any) -> tuple[str, ...]:
    said = _claim(claims)
    named = said if isinstance(said, list) else [said]
    return tuple(name for name in named if isinstance(name, str))


def _text(value: Any, max_length: int = 255) -> str:
    return value if isinstance(value, str) and value.isprintable() and len(value) <= max_length else ""


def _is_fresh(identity: Identity, attempt: dict[str, Any]) -> bool:
    since = identity.authenticated_at
    return since is not None and since.timestamp() >= int(attempt["at"]) - _LEEWAY


def _failed(problem: LogInProblem, error: Exception) -> LogInFailed:
    # Only the kind of error: its text may contain a token or a code.
    logger.warning("Single sign-on failed (%s): %s", problem, _kind(error))
    return LogInFailed(problem)


def _kind(error: Exception) -> str:
    # The text of our own errors, and codes such as `invalid_grant` (RFC 6749 §5.2).
    said = error if isinstance(error, BrokenProvider) else getattr(error, "error", "")
    return f"{type(error).__name__} {said}".strip()[:100]
