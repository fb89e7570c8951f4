"""Authlib's OpenID client with limits: on time and size of answers, addresses, and signature algorithms."""

import threading
import time
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import requests
from authlib.integrations.django_client import DjangoIntegration, DjangoOAuth2App
from authlib.integrations.requests_client import OAuth2Session
from django.conf import settings

_CONNECT, _READ, _TOTAL = 3, 5, 10  # seconds; the person waits for the page
# Django has four threads: while the provider does not answer, two are left for pages.
_places = threading.BoundedSemaphore(2)
_MAX_ANSWER = 512 * 1024  # bytes
_KEEP = 60 * 60  # seconds for which the provider's description is kept
_SCOPES = ("openid", "profile", "email")
# Only public keys: a symmetric algorithm would make the client secret a signing key, and `none` signs nothing.
ALGORITHMS = "RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519".split()
_ADDRESSES = ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint", "end_session_endpoint")
_REQUIRED = _ADDRESSES[:3]


class BrokenProvider(Exception):
    """What the provider says of itself or of a person cannot be used."""


class _Session(OAuth2Session):  # type: ignore[misc]  # Authlib has no types
    def request(self, method: str, url: str, **kwargs: Any) -> requests.Response:
        if not _places.acquire(blocking=False):
            raise BrokenProvider("Others wait for its answer.")
        try:
            return self._bounded(method, url, **kwargs)
        finally:
            _places.release()

    def _bounded(self, method: str, url: str, **kwargs: Any) -> requests.Response:
        kwargs |= {"timeout": (_CONNECT, _READ), "allow_redirects": False, "stream": True}
        response: requests.Response = super().request(method, url, **kwargs)
        ends_at, body = time.monotonic() + _TOTAL, b""
        with response:
            for part in response.iter_content(16 * 1024):
                body += part
                if len(body) > _MAX_ANSWER or time.monotonic() > ends_at:
                    raise BrokenProvider("The answer is too long or too slow.")
        response._content = body
        return response


class OpenIDClient(DjangoOAuth2App):  # type: ignore[misc]  # Authlib has no types
    """The configured provider. Its description (OpenID Connect Discovery 1.0) is read again every hour."""

    client_cls = _Session
    server_metadata: dict[str, Any]

    def load_server_metadata(self) -> dict[str, Any]:
        if time.time() - self.server_metadata.get("_loaded_at", 0) < _KEEP:
            return self.server_metadata
        with self._get_session() as session:
            response = session.request("GET", self._server_metadata_url, withhold_token=True)
        response.raise_for_status()
        self.server_metadata = {**_checked(response.json()), "_loaded_at": time.time()}
        return self.server_metadata

    def scopes(self) -> str:
        """The usual ones, and `groups` if the provider has it: others refuse a scope that they do not know."""
        offered = self.load_server_metadata().get("scopes_supported") or ()
        return " ".join([*_SCOPES, *(["groups"] if "groups" in offered else [])])


def _checked(said: Any) -> dict[str, Any]:
    # Of the provider's description what is used here, after a check.
    if not isinstance(said, dict) or said.get("issuer") != settings.OIDC.issuer:
        raise BrokenProvider("The description of the provider is not that of OIDC_ISSUER.")
    kept = {name: said[name] for name in _ADDRESSES if said.get(name)}
    if not all(name in kept for name in _REQUIRED) or not all(map(_is_safe, kept.values())):
        raise BrokenProvider("The description of the provider lacks an address, or one is not https.")
    offered = said.get("id_token_signing_alg_values_supported") or ["RS256"]
    methods = said.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    return kept | {
        "issuer": said["issuer"],
        "scopes_supported": said.get("scopes_supported"),
        "id_token_signing_alg_values_supported": [name for name in ALGORITHMS if name in offered],
        "token_endpoint_auth_method": "client_secret_basic" if "client_secret_basic" in methods else methods[0],
    }


def _is_safe(address: Any) -> bool:
    # As safe as the issuer, which is http on this machine only.
    return isinstance(address, str) and urlsplit(address).scheme in {"https", urlsplit(settings.OIDC.issuer).scheme}


def provider() -> OpenIDClient:
    """The provider of the settings; its description and keys are kept in the process."""
    return _provider(settings.OIDC.issuer, settings.OIDC.client_id, settings.OIDC.client_secret)


@cache
def _provider(issuer: str, client_id: str, client_secret: str) -> OpenIDClient:
    return OpenIDClient(
        DjangoIntegration("oidc"),
        name="oidc",
        client_id=client_id,
        client_secret=client_secret,
        server_metadata_url=f"{issuer.rstrip('/')}/.well-known/openid-configuration",
        client_kwargs={"code_challenge_method": "S256"},
    )
