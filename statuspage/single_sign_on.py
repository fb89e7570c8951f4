"""The settings of single sign-on: an OpenID provider, headers of a proxy, and which groups get which roles."""

import re
from typing import NamedTuple

from statuspage.env import Environment

_LOCAL = {"localhost", "127.0.0.1", "::1"}
# As in incidents/staff/roles.py, which needs Django's models; a test compares them.
ROLES = ("reader", "writer", "publisher", "administrator")
_OWN_GROUP = "group:"
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]*")


class Provider(NamedTuple):
    """An OpenID provider; `issuer` is empty if there is none. `label` is the text of the button, or empty."""

    issuer: str
    client_id: str
    client_secret: str
    groups_claim: str
    label: str


def read_provider(env: Environment) -> Provider:
    example = "https://id.example.com/realms/staff"
    issuer, client_id, secret = (env.text(name) for name in ("OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET"))
    groups_claim, label = env.text("OIDC_GROUPS_CLAIM", "groups"), env.text("OIDC_LABEL")
    if not issuer:
        return Provider("", "", "", groups_claim, label)
    url = env.url("OIDC_ISSUER", "", {"https", "http"}, example)
    if url.scheme == "http" and url.hostname not in _LOCAL:
        raise env.refusal("OIDC_ISSUER", issuer, f"write an https address such as {example}")
    if url.query or url.fragment or "@" in url.netloc:
        raise env.refusal("OIDC_ISSUER", issuer, f"write the issuer without query and credentials, such as {example}")
    if not client_id:
        raise env.refusal("OIDC_CLIENT_ID", "", "write the client id that the provider gave this status page")
    if not secret:
        raise env.refusal("OIDC_CLIENT_SECRET", "", "write the secret that belongs to OIDC_CLIENT_ID")
    return Provider(issuer, client_id, secret, groups_claim, label)


def read_roles(env: Environment) -> list[tuple[str, str]]:
    """Return pairs: a group of the provider, or `*` for everybody, and the name of a group of accounts here."""
    return [_pair(env, item) for item in env.comma_separated("SSO_ROLES", "")]


def _pair(env: Environment, item: str) -> tuple[str, str]:
    theirs, _equals, ours = (part.strip() for part in item.rpartition("="))
    if theirs and ours in ROLES:
        return theirs, f"role:{ours}"
    name = ours.removeprefix(_OWN_GROUP).strip()
    if theirs and ours.startswith(_OWN_GROUP) and name and not name.startswith("role:"):
        return theirs, name
    hint = f"write a group of the provider and a role ({', '.join(ROLES)}) or a group of accounts, such as"
    raise env.refusal("SSO_ROLES", item, f"{hint} ops=publisher,leads=administrator,nights=group:Night shift")


def read_headers(env: Environment, *, has_proxies: bool) -> tuple[str, str]:
    """Return the names of the headers with a person's name and groups, as WSGI writes them; empty if not set."""
    user, groups = (_header(env, name) for name in ("REMOTE_USER_HEADER", "REMOTE_GROUPS_HEADER"))
    if user and not has_proxies:
        hint = "write the addresses of your proxies in TRUSTED_PROXIES too: nobody else's header is believed"
        raise env.refusal("REMOTE_USER_HEADER", env.text("REMOTE_USER_HEADER"), hint)
    if groups and not user:
        raise env.refusal("REMOTE_GROUPS_HEADER", env.text("REMOTE_GROUPS_HEADER"), "write REMOTE_USER_HEADER too")
    return user, groups


def _header(env: Environment, name: str) -> str:
    value = env.text(name)
    if value and not _HEADER.fullmatch(value):
        raise env.refusal(name, value, "write the name of a header, such as X-Remote-User")
    return f"HTTP_{value.upper().replace('-', '_')}" if value else ""


def read_local_log_in(env: Environment, *, has_other: bool) -> bool:
    is_on = env.flag("LOCAL_LOG_IN", default=True)
    if not is_on and not has_other:
        hint = "nobody could log in; set OIDC_ISSUER or REMOTE_USER_HEADER first"
        raise env.refusal("LOCAL_LOG_IN", env.text("LOCAL_LOG_IN"), hint)
    return is_on
