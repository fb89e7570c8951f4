"""Signatures of webhook posts: secrets and headers of Standard Webhooks 1.0.0 (STANDARDS S4)."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime

from django.utils.crypto import salted_hmac

_PREFIX = "whsec_"
_BYTES = 32  # 24 to 64


def new_secret() -> str:
    return _PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def post_id(delivery_id: int) -> str:
    """Return the id of a post, the same at every attempt. It is opaque: a running number tells how much is sent."""
    digest = salted_hmac("incidents.webhook.post", str(delivery_id), algorithm="sha256").digest()
    return f"msg_{base64.b32encode(digest[:15]).decode().lower()}"


def headers(post_id: str, at: datetime, body: bytes, keys: Iterable[str]) -> dict[str, str]:
    """Return the headers, with one signature per key. `post_id` is the same at every attempt, `at` is not."""
    stamp = str(int(at.timestamp()))
    signed = b".".join([post_id.encode(), stamp.encode(), body])
    signatures = " ".join(f"v1,{_signature(key, signed)}" for key in keys)
    return {"webhook-id": post_id, "webhook-timestamp": stamp, "webhook-signature": signatures}


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
