"""Time-based one-time passwords (RFC 6238) as authenticator apps expect them: SHA-1, 30 seconds, six digits."""

import base64
import hashlib
import hmac
import secrets
from datetime import datetime
from urllib.parse import quote, urlencode

PERIOD = 30  # seconds
DIGITS = 6
# Clocks of phones differ, and typing takes time (RFC 6238 §5.2 recommends one step).
DRIFT = 1


def new_secret() -> str:
    """Return a random secret of 160 bits (RFC 4226 §4), in base 32."""
    return base64.b32encode(secrets.token_bytes(20)).decode()


def step_at(now: datetime) -> int:
    return int(now.timestamp()) // PERIOD


def code_at(secret: str, step: int, digits: int = DIGITS) -> str:
    """Return the code of one time step (RFC 4226 §5.3)."""
    digest = hmac.digest(base64.b32decode(secret), step.to_bytes(8, "big"), hashlib.sha1)
    start = digest[-1] & 0xF
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFFFFFF
    return str(number % 10**digits).zfill(digits)


def matching_step(secret: str, code: str, now: datetime) -> int | None:
    """Return the time step that the code belongs to, or None if it is wrong. Takes the same time for any code."""
    current = step_at(now)
    steps = range(current - DRIFT, current + DRIFT + 1)
    matching = [step for step in steps if hmac.compare_digest(code_at(secret, step).encode(), code.encode())]
    return max(matching, default=None)


def address(secret: str, *, account: str, issuer: str) -> str:
    """Return the otpauth: address that a QR code carries into the app."""
    query = urlencode({"secret": secret, "issuer": issuer}, quote_via=quote)
    return f"otpauth://totp/{quote(f'{issuer}:{account}')}?{query}"


def in_groups(secret: str) -> str:
    """Return the secret in groups of four, for typing."""
    return " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))
