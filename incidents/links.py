"""Addresses: public paths, absolute links, and signed tokens with one salt per purpose.

Public paths are fixed by PRODUCT (they are files in the public store); dynamic ones
come from `reverse`. Absolute links are built from SITE_URL, never from a Host header.
A token proves one purpose for one value and cannot be used for another.
"""

import base64
from datetime import date
from enum import StrEnum
from functools import cache

from django.conf import settings
from django.core import signing
from django.urls import reverse
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import override


def home(language: str) -> str:
    return f"/{language}/"


def incident(incident_id: str, language: str) -> str:
    return f"/{language}/incidents/{incident_id}/"


def update(incident_id: str, update_id: str, language: str) -> str:
    """The permalink of one update: its place on the incident's page."""
    return f"{incident(incident_id, language)}#{update_id}"


def history(language: str, month: date | None = None) -> str:
    """The index of all months, or one month's page."""
    return f"/{language}/history/{month:%Y/%m}/" if month else f"/{language}/history/"


def search(language: str) -> str:
    return f"/{language}/search/"


def component(slug: str, language: str) -> str:
    return f"/{language}/components/{slug}/"


def maintenance(language: str) -> str:
    return f"/{language}/maintenance/"


def calendar(language: str) -> str:
    return f"/{language}/maintenance.ics"


def badge(language: str = "") -> str:
    """Without a language, the badge in the default one."""
    return f"/{language}/badge.svg" if language else "/badge.svg"


def banner(language: str) -> str:
    return f"/{language}/banner/"


def follow_page(language: str) -> str:
    """The page that tells every way to follow."""
    return f"/{language}/follow/"


def subscribe(language: str) -> str:
    return f"/{language}/subscribe/"


def subscribe_webhook(language: str) -> str:
    return f"{subscribe(language)}webhook/"


def follow(incident_id: str, language: str) -> str:
    return f"{subscribe(language)}{incident_id}/"


def feed(language: str, kind: str) -> str:
    """`kind` is atom, rss or json."""
    return f"/{language}/feed.{kind}"


def component_feed(slug: str, language: str, kind: str) -> str:
    return f"{component(slug, language)}feed.{kind}"


def api(name: str, language: str = "") -> str:
    """A document of the Statuspage API in a language; without one, where its clients look."""
    return f"{f'/{language}' if language else ''}/api/v2/{name}.json"


def dynamic(view: str, language: str, *args: str) -> str:
    """The path of a dynamic page in a language."""
    with override(language):
        return reverse(view, args=args)


def absolute(path: str) -> str:
    return settings.SITE_URL + path


def webcal(path: str) -> str:
    """The address that a click gives to the reader's calendar, which subscribes to it."""
    return f"webcal://{settings.SITE_URL.partition('://')[2]}{path}"


class Purpose(StrEnum):
    """What a token may be used for; the value is the signature's salt."""

    CONFIRM = "subscription.confirm"
    CONNECT = "subscription.connect"
    MANAGE = "subscription.manage"
    UNSUBSCRIBE = "subscription.unsubscribe"
    FORM = "subscription.form"
    BOUNCE = "delivery.bounce"


def sign(purpose: Purpose, value: str) -> str:
    """A URL-safe token. Survives a rotation of SECRET_KEY through SECRET_KEY_FALLBACKS."""
    return _signer(purpose, settings.SECRET_KEY).sign(value)


@cache
def _signer(purpose: Purpose, key: str) -> signing.TimestampSigner:
    """Made once: ten thousand letters have two signatures each."""
    return signing.TimestampSigner(key=key, salt=purpose, sep="~")


def unsign(purpose: Purpose, token: str, max_age: int | None = None) -> str | None:
    """The value of a token made for this purpose, at most `max_age` seconds ago; None for any other text."""
    try:
        return signing.TimestampSigner(salt=purpose, sep="~").unsign(token, max_age=max_age)
    except signing.BadSignature:
        return None


def sign_bounce(delivery_id: int) -> str:
    """What stands behind the + of a bounce address: the delivery's id and 80 bits of a signature.

    Short and in lower case: a local part has at most 64 octets (RFC 5321 §4.5.3.1.1),
    and many a server forgets how it was written. How old a bounce may be the delivery says.
    """
    return f"{delivery_id}-{_bounce_signature(delivery_id, settings.SECRET_KEY)}"


def unsign_bounce(token: str) -> int | None:
    """The id of the delivery that a bounce address was made for; None for any other text."""
    number, _separator, signature = token.lower().partition("-")
    if not (number.isascii() and number.isdigit() and signature.isascii()):
        return None
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    good = [key for key in keys if constant_time_compare(_bounce_signature(int(number), key), signature)]
    return int(number) if good else None


def _bounce_signature(delivery_id: int, key: str) -> str:
    digest = salted_hmac(Purpose.BOUNCE, str(delivery_id), key, algorithm="sha256").digest()
    return base64.b32encode(digest[:10]).decode().lower()
