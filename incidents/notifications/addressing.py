"""The destination of an address: in Python, and as a query expression over subscribers.

A destination fails as a whole: a recipient's mail domain, the scheme and host of a webhook, or our
own relay. Their names cannot collide: a webhook's contains "://", a relay's a colon.
"""

from django.conf import settings
from django.db.models import CharField, F, Func, Value
from django.db.models.functions import Lower

from .. import domains

# `mail_domain`, also of an owner, and `webhook_origin` as expressions over a subscriber.
MAIL_DOMAIN = Lower(Func(F("address"), Value("@"), Value(-1), function="split_part", output_field=CharField()))
OWNER_DOMAIN = Lower(Func(F("owner"), Value("@"), Value(-1), function="split_part", output_field=CharField()))
WEBHOOK_ORIGIN = Func(F("address"), Value("^[a-z]+://[^/]+"), function="substring", output_field=CharField())


def mail_domain(address: str) -> str:
    return address.rpartition("@")[2].lower()


def header_form(address: str) -> str:
    """Return an email address for a header: its domain in A-labels, so that only a name before the @ needs SMTPUTF8.

    An address that is not valid stays as it is; the channel refuses it.
    """
    local, at, domain = address.rpartition("@")
    if domain.isascii():
        return address
    try:
        return f"{local}{at}{domains.to_ascii(domain)}"
    except ValueError:
        return address


def webhook_origin(url: str) -> str:
    """Return scheme and host."""
    scheme, _separator, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"


def is_webhook(destination: str) -> bool:
    return "://" in destination


def is_mail_domain(destination: str) -> bool:
    """Whether the destination is a recipient's domain or MX group."""
    return bool(destination) and ":" not in destination


def relay_name() -> str:
    """Return the name of the configured mail relay as a destination."""
    return f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
