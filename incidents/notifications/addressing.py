"""Which destination an address belongs to: in Python, and as an expression for a query over subscribers.

A destination is what can refuse as one: the recipient's mail domain, the scheme and host of a
webhook, or our own relay. Their names cannot collide: a webhook has "://" in it, a relay a colon.
"""

from django.conf import settings
from django.db.models import CharField, F, Func, Value
from django.db.models.functions import Lower

# As `mail_domain` and `webhook_origin`, of a subscriber.
MAIL_DOMAIN = Lower(Func(F("address"), Value("@"), Value(-1), function="split_part", output_field=CharField()))
WEBHOOK_ORIGIN = Func(F("address"), Value("^[a-z]+://[^/]+"), function="substring", output_field=CharField())


def mail_domain(address: str) -> str:
    return address.rpartition("@")[2].lower()


def webhook_origin(url: str) -> str:
    """Scheme and host."""
    scheme, _separator, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"


def is_webhook(destination: str) -> bool:
    return "://" in destination


def relay_name() -> str:
    """The mail relay that the settings name."""
    return f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
