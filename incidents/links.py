"""Addresses: public paths, absolute links, and signed tokens with one salt per purpose.

Public paths are fixed in PRODUCT (they are files in the public store); dynamic ones
come from `reverse`. Absolute links are built from SITE_URL, never from a Host header.
A token is valid for one purpose and one value only.
"""

import base64
import hashlib
import hmac
import re
import time
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import cache

from django.conf import settings
from django.core import signing
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from django.utils.translation import override


def home(language: str) -> str:
    return f"/{language}/"


def incident(incident_id: str, language: str) -> str:
    return f"/{language}/incidents/{incident_id}/"


def update(incident_id: str, update_id: str, language: str) -> str:
    """Return the permalink of an update, a fragment on the incident's page."""
    return f"{incident(incident_id, language)}#{update_id}"


def history(language: str, month: date | None = None) -> str:
    """Return the path of the index of all months, or of one month."""
    return f"/{language}/history/{month:%Y/%m}/" if month else f"/{language}/history/"


def search(language: str) -> str:
    return f"/{language}/search/"


def component(slug: str, language: str) -> str:
    return f"/{language}/components/{slug}/"


def maintenance(language: str) -> str:
    return f"/{language}/maintenance/"


def calendar(language: str) -> str:
    return f"/{language}/maintenance.ics"


def event(incident_id: str, language: str) -> str:
    """Return the path of one maintenance as a calendar file."""
    return f"{incident(incident_id, language)}maintenance.ics"


def badge(language: str = "") -> str:
    """Return the path of the badge; without a language, that of the badge in the default language."""
    return f"/{language}/badge.svg" if language else "/badge.svg"


def security_txt() -> str:
    return "/.well-known/security.txt"


def banner(language: str) -> str:
    return f"/{language}/banner/"


def follow_page(language: str) -> str:
    """Return the path of the page with all ways to follow."""
    return f"/{language}/follow/"


def subscribe(language: str) -> str:
    return f"/{language}/subscribe/"


def subscribe_webhook(language: str) -> str:
    return f"{subscribe(language)}webhook/"


def follow_incident(incident_id: str, language: str) -> str:
    return f"{subscribe(language)}{incident_id}/"


def feed(language: str, kind: str) -> str:
    """`kind` is atom, rss or json."""
    return f"/{language}/feed.{kind}"


def component_feed(slug: str, language: str, kind: str) -> str:
    return f"{component(slug, language)}feed.{kind}"


def api(name: str, language: str = "") -> str:
    """Return the path of a document of the Statuspage API; without a language, the path that its clients request."""
    return f"{f'/{language}' if language else ''}/api/v2/{name}.json"


def dynamic(view: str, language: str, *args: str) -> str:
    """Return the path of a dynamic page in a language."""
    with override(language):
        return reverse(view, args=args)


def absolute(path: str) -> str:
    return settings.SITE_URL + path


def webcal(path: str) -> str:
    """Return the address that subscribes the reader's calendar when clicked."""
    return f"webcal://{settings.SITE_URL.partition('://')[2]}{path}"


# Readers' mail programs break long links into several lines, and security gateways put them into links of their own.
_URL_CHARS = r"""[^\s<>"'()[\]]+"""
_NEXT_LINES = r"(?:=?\n[> ]*[\w~:%./=&;+-]{16,}(?![^\n]))"
_TOKEN = re.compile(r"[^\s/~<>]{1,200}(?:~|%7E)\w{4,10}(?:~|%7E)[\w-]{16,}", re.IGNORECASE)


_MAX_DIGITS = 19  # of 2**63, above which PostgreSQL has no ids


class Purpose(StrEnum):
    """What a token may be used for; the value is the salt of the signature."""

    CONFIRM = "subscription.confirm"
    CONNECT = "subscription.connect"
    MANAGE = "subscription.manage"
    UNSUBSCRIBE = "subscription.unsubscribe"
    FORM = "subscription.form"
    BOUNCE = "delivery.bounce"


def sign(purpose: Purpose, value: str, at: datetime | None = None) -> str:
    """Return a URL-safe token, signed now or as if `at` that time.

    It survives a rotation of SECRET_KEY through SECRET_KEY_FALLBACKS.
    """
    signed = f"{value}~{signing.b62_encode(int(time.time() if at is None else at.timestamp()))}"
    return f"{signed}~{signing.b64_encode(_hmac(f'{purpose}signer', signed, settings.SECRET_KEY)).decode()}"


def _hmac(salt: str, value: str, key: str) -> bytes:
    # The same as Django's `salted_hmac`, which derives the key again for each of ten thousand messages.
    return hmac.digest(_derived_key(salt, key), value.encode(), "sha256")


@cache
def _derived_key(salt: str, key: str) -> bytes:
    return hashlib.sha256(f"{salt}{key}".encode()).digest()


def signed_at(token: str) -> datetime:
    """Return when a valid token was signed, to the second."""
    return datetime.fromtimestamp(signing.b62_decode(token.rsplit("~", 2)[-2]), UTC)


def unsign(purpose: Purpose, token: str, max_age: int | None = None) -> str | None:
    """Return the value of a token signed for this purpose at most `max_age` seconds ago; None if invalid."""
    try:
        return signing.TimestampSigner(salt=purpose, sep="~").unsign(token, max_age=max_age)
    except signing.BadSignature:
        return None


def without_tokens(text: str) -> str:
    """Return a text of others that may quote our messages, without the paths of links to this site and tokens."""
    host = re.escape(settings.SITE_URL.partition("://")[2])
    path = rf"(?:{_URL_CHARS}{_NEXT_LINES}{{0,3}}|{_NEXT_LINES}{{1,3}})"
    text = re.sub(rf"({host}(?::\d+)?)(?:/|%2F){path}", r"\1/…", text, flags=re.IGNORECASE)
    return _TOKEN.sub("…", text)


def sign_bounce(delivery_id: int) -> str:
    """Return the part after the + of a bounce address: the delivery's id and 80 bits of a signature.

    It is short, because a local part has at most 64 octets (RFC 5321 §4.5.3.1.1), and in
    lower case, because many servers do not preserve case. The delivery limits the age of a bounce.
    """
    return f"{delivery_id}-{_bounce_signature(delivery_id, settings.SECRET_KEY)}"


def unsign_bounce(token: str) -> int | None:
    """Return the id of the delivery that a bounce address belongs to; None if invalid."""
    number, _separator, signature = token.lower().partition("-")
    if not (len(number) <= _MAX_DIGITS and number.isascii() and number.isdigit() and signature.isascii()):
        return None
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    valid = [key for key in keys if constant_time_compare(_bounce_signature(int(number), key), signature)]
    return int(number) if valid else None


def _bounce_signature(delivery_id: int, key: str) -> str:
    return base64.b32encode(_hmac(Purpose.BOUNCE, str(delivery_id), key)[:10]).decode().lower()
