"""Recovery codes: ten for each account, each good for one log-in without the app."""

import secrets
from datetime import datetime
from typing import Any

from ..models import RecoveryCode
from .keyed_hashes import accepted_hashes, keyed_hash

NUMBER = 10
# No letter and digit that look alike; ten of these have 49 bits, which the limit on attempts makes enough.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_LENGTH = 10


def renew(user: Any) -> list[str]:
    """Store new codes in place of all earlier ones; return them as they are shown once, `abcde-fgh23`."""
    RecoveryCode.objects.filter(user=user).delete()
    codes = ["".join(secrets.choice(_ALPHABET) for _place in range(_LENGTH)) for _number in range(NUMBER)]
    RecoveryCode.objects.bulk_create(RecoveryCode(user=user, key=keyed_hash(*_value(user, code))) for code in codes)
    return [f"{code[:5]}-{code[5:]}" for code in codes]


def use(user: Any, code: str, now: datetime) -> bool:
    """Use a code up, without its hyphen. Returns whether it was right and unused; only one of two requests wins."""
    unused = RecoveryCode.objects.filter(user=user, key__in=accepted_hashes(*_value(user, code)), used_at=None)
    return unused.update(used_at=now) == 1


def number_left(user: Any) -> int:
    return RecoveryCode.objects.filter(user=user, used_at=None).count()


def _value(user: Any, code: str) -> tuple[str, str]:
    return "recovery_code", f"{user.pk}:{code}"
