"""Keyed hashes of recovery codes and devices. They survive a rotation of SECRET_KEY through SECRET_KEY_FALLBACKS."""

from django.conf import settings
from django.utils.crypto import salted_hmac


def keyed_hash(purpose: str, value: str, key: str | None = None) -> str:
    """Return 64 hexadecimal digits; with the current SECRET_KEY unless another one is given."""
    return salted_hmac(f"incidents.sign_in.{purpose}", value, key, algorithm="sha256").hexdigest()


def accepted_hashes(purpose: str, value: str) -> list[str]:
    """Return the hash with each key that is valid, to look a stored one up."""
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return [keyed_hash(purpose, value, key) for key in keys]
