"""Whom a proxy has authenticated: a header with a name, and one with groups.

`statuspage.middleware.ForwardedHeaders` removes both from requests that no trusted proxy sent.
"""

from django.conf import settings
from django.http import HttpRequest

from .identities import REMOTE_USER, Identity, is_valid_subject


def identity_of(request: HttpRequest) -> Identity | None:
    """The person whom the proxy names with this request, if any."""
    name = _header(request, settings.REMOTE_USER_HEADER)
    if not is_valid_subject(name):
        return None
    named = _header(request, settings.REMOTE_GROUPS_HEADER).split(",")
    groups = tuple(group.strip() for group in named if group.strip())
    return Identity(issuer=REMOTE_USER, subject=name, name=name, groups=groups)


def _header(request: HttpRequest, name: str) -> str:
    # WSGI hands headers on in Latin-1; proxies write UTF-8.
    value = str(request.META.get(name, "")) if name else ""
    return value.encode("latin-1", "replace").decode("utf-8", "replace").strip()
