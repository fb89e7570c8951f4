"""The address to which faults are reported: Sentry, or a service that speaks its protocol."""

import importlib.util

from statuspage.env import Environment

_EXAMPLE = "https://key@sentry.example.com/1"


def read_dsn(env: Environment) -> str:
    """Return the address for reports, empty if there is none."""
    if not env.text("SENTRY_DSN"):
        return ""
    url = env.url("SENTRY_DSN", "", {"https", "http"}, _EXAMPLE)
    if not (url.username and url.path.strip("/").isdecimal()):
        raise env.refusal("SENTRY_DSN", url.geturl(), f"write the address that Sentry shows, such as {_EXAMPLE}")
    if importlib.util.find_spec("sentry_sdk") is None:
        raise env.refusal("SENTRY_DSN", url.geturl(), "install sentry-sdk first, or remove the variable")
    return url.geturl()
