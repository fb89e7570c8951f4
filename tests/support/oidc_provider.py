"""An OpenID provider for tests: real HTTP and real signatures. What it says can be wrong on purpose."""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey

CLIENT_ID, CLIENT_SECRET = "statuspage", "a secret that the provider knows"


@dataclass
class OIDCProvider:
    """`person` has the claims of who logs in next; `claims` replace those of the ID token, None removes one."""

    address: str = ""
    person: dict[str, Any] = field(default_factory=lambda: {"sub": "anna-1", "preferred_username": "anna"})
    claims: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    only_in_user_info: set[str] = field(default_factory=set)
    algorithm: str = "RS256"
    error: str = ""
    status: int = 200
    filler: int = 0  # bytes of nonsense in each answer
    requests: list[str] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": secrets.token_hex(4)}))

    def rotate_key(self) -> None:
        """Sign with a new key, and publish only that one."""
        self.key = RSAKey.generate_key(2048, {"kid": secrets.token_hex(4)})

    def authorize(self, address: str) -> dict[str, str]:
        """What the browser brings back from the address that it was sent to."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert address.startswith(f"{self.address}/authorize?")
        assert asked["client_id"] == CLIENT_ID
        assert asked["code_challenge_method"] == "S256"
        if self.error:
            return {"error": self.error, "state": asked["state"]}
        code = secrets.token_urlsafe()
        self.codes[code] = asked
        return {"code": code, "state": asked["state"]}

    def description(self) -> dict[str, Any]:
        places = {f"{name}_endpoint": f"{self.address}/{name}" for name in ("authorization", "token", "userinfo")}
        places["authorization_endpoint"] = f"{self.address}/authorize"
        own = {"issuer": self.address, "jwks_uri": f"{self.address}/keys", **places, **self.metadata}
        return {name: value for name, value in own.items() if value is not None}

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        expected = base64.b64encode(urlencode_pair(CLIENT_ID, CLIENT_SECRET)).decode()
        asked = self.codes.pop(form.get("code", ""), None)
        if asked is None or authorization != f"Basic {expected}":
            return 400, {"error": "invalid_grant"}
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).decode().rstrip("=") != asked["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        said = {name: value for name, value in self.person.items() if name not in self.only_in_user_info}
        claims = {"iss": self.address, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": asked["nonce"], **said}
        claims = {name: value for name, value in (claims | self.claims).items() if value is not None}
        return 200, {"access_token": "opaque", "token_type": "Bearer", "expires_in": 60, "id_token": self.sign(claims)}

    def sign(self, claims: dict[str, Any]) -> str:
        if self.algorithm == "none":
            parts = ({"alg": "none"}, claims)
            encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
            return ".".join([*encoded, ""])
        is_symmetric = self.algorithm.startswith("HS")
        key: Any = OctKey.import_key(CLIENT_SECRET.ljust(64)) if is_symmetric else self.key
        header = {"alg": self.algorithm, "kid": str(self.key.kid)}
        return jwt.encode(header, claims, key, algorithms=[self.algorithm])


def urlencode_pair(name: str, secret: str) -> bytes:
    return f"{name}:{secret}".encode()


@contextmanager
def running() -> Iterator[OIDCProvider]:
    """A provider on a free port of this machine."""
    provider = OIDCProvider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/authorize?"):
                asked = parse_qs(urlsplit(self.path).query)
                self.send_response(302)
                query = urlencode(provider.authorize(f"{provider.address}{self.path}"))
                self.send_header("Location", f"{asked['redirect_uri'][0]}?{query}")
                self.end_headers()
                return
            answers: dict[str, Any] = {
                "/.well-known/openid-configuration": provider.description,
                "/keys": lambda: KeySet([provider.key]).as_dict(private=False),
                "/userinfo": lambda: provider.person,
            }
            self._answer(provider.status, answers[self.path]())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            self._answer(*provider.token(form, self.headers.get("Authorization", "")))

        def _answer(self, status: int, said: dict[str, Any]) -> None:
            provider.requests.append(self.path)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(said).encode() + b" " * provider.filler)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.address = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()


def callback(answer: dict[str, str]) -> str:
    return f"/admin/single-sign-on/callback/?{urlencode(answer)}"
