"""Devices that are not asked for a code for some days. The device keeps a token, the database a hash of it."""

import secrets
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from ..models import TrustedDevice
from .keyed_hashes import accepted_hashes, keyed_hash


def remember(user: Any, now: datetime) -> str:
    """Store a new device; return the token for its cookie."""
    token = secrets.token_urlsafe(32)
    expires_at = now + timedelta(days=settings.REMEMBER_DEVICE_DAYS)
    TrustedDevice.objects.create(user=user, key=keyed_hash(*_value(user, token)), expires_at=expires_at)
    return token


def is_remembered(user: Any, token: str, now: datetime) -> bool:
    if not token or not settings.REMEMBER_DEVICE_DAYS:
        return False
    keys = accepted_hashes(*_value(user, token))
    return TrustedDevice.objects.valid(now).filter(user=user, key__in=keys).exists()


def forget(user: Any) -> None:
    """Ask for a code on every device again."""
    TrustedDevice.objects.filter(user=user).delete()


def delete_expired(now: datetime) -> None:
    TrustedDevice.objects.filter(expires_at__lte=now).delete()


def _value(user: Any, token: str) -> tuple[str, str]:
    # With the hash of the password: a new password ends all devices.
    return "device", f"{user.pk}:{user.password}:{token}"
