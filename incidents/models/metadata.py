"""What programs attach to an incident for themselves, such as the number of a ticket. Readers never see it."""

import json
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

MAX_KEYS = 50
MAX_BYTES = 10_000


def check_metadata(value: Any) -> None:
    """Raise ValidationError unless it is a JSON object of a limited size, which PostgreSQL can store."""
    if not isinstance(value, dict):
        raise ValidationError(_("Write a JSON object."))
    try:
        size = len(json.dumps(value, ensure_ascii=False, allow_nan=False).encode())
    except ValueError:  # 1e999 is infinite to Python, and JSON has no such number
        raise ValidationError(_("A number is too large.")) from None
    if len(value) > MAX_KEYS or size > MAX_BYTES:
        raise ValidationError(
            _("At most %(keys)d keys and %(bytes)d bytes are possible."),
            params={"keys": MAX_KEYS, "bytes": MAX_BYTES},
        )
