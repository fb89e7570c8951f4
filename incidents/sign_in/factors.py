"""Second factors: who needs one, and setting one up, checking a code, and ending one."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction

from ..models import RecoveryCode, SecondFactor
from ..staff import audit
from ..staff.actors import Actor
from . import recovery, sessions, totp, trusted_devices
from .factor_emails import FactorEvent, send

_PUBLISHING = ("incidents.publish_incident", "incidents.publish_maintenance")


class WrongCode(Exception):
    """A code does not belong to the secret, or was used before."""


def is_required(user: Any) -> bool:
    """Whether the account may not work without a second factor."""
    if settings.REQUIRE_SECOND_FACTOR == "publisher":
        return may_publish(user)
    return bool(settings.REQUIRE_SECOND_FACTOR == "all")


def may_publish(user: Any) -> bool:
    return user.is_superuser or any(user.has_perm(right) for right in _PUBLISHING)


def factor_of(user: Any) -> SecondFactor | None:
    return SecondFactor.objects.filter(user=user).first()


@transaction.atomic
def set_up(*, by: Actor, user: Any, secret: str, code: str, replace: bool, now: datetime) -> list[str]:
    """Store a factor; return its recovery codes. Raises WrongCode.

    Without `replace` an account that has a factor keeps it: the password alone must not be enough to change it.
    """
    # One at a time for each account.
    get_user_model().objects.select_for_update().get(pk=user.pk)
    step = totp.matching_step(secret, compared(code), now)
    has_one = SecondFactor.objects.filter(user=user).exists()
    if step is None or (has_one and not replace):
        raise WrongCode
    _delete(user)
    SecondFactor.objects.create(user=user, secret=secret, last_step=step, confirmed_at=now)
    codes = recovery.renew(user)
    send(user, FactorEvent.REPLACED if has_one else FactorEvent.SET_UP)
    audit.record(by, "replace_second_factor" if has_one else "set_up_second_factor", user)
    return codes


def accept(*, user: Any, code: str, now: datetime) -> bool:
    """Whether the code is right: one of the app that was not accepted before, or an unused recovery code."""
    typed = compared(code)
    if not (typed.isdecimal() and len(typed) == totp.DIGITS):
        return factor_of(user) is not None and recovery.use(user, typed, now)
    factor = factor_of(user)
    step = totp.matching_step(factor.secret, typed, now) if factor else None
    if factor is None or step is None:
        return False
    return SecondFactor.objects.filter(pk=factor.pk, last_step__lt=step).update(last_step=step) == 1


@transaction.atomic
def renew_recovery_codes(*, by: Actor, user: Any) -> list[str]:
    """Make all earlier recovery codes void; return new ones."""
    codes = recovery.renew(user)
    audit.record(by, "renew_recovery_codes", user)
    return codes


@transaction.atomic
def remove(*, by: Actor, user: Any) -> None:
    """The person gives their factor up."""
    _delete(user)
    send(user, FactorEvent.REMOVED)
    audit.record(by, "remove_second_factor", user)


@transaction.atomic
def reset(*, by: Actor, user: Any) -> bool:
    """Remove the factor of somebody who lost it, and end their sessions; return whether there was one."""
    if factor_of(user) is None:
        return False
    _delete(user)
    sessions.end_sessions(user=user)
    send(user, FactorEvent.RESET)
    audit.record(by, "reset_second_factor", user)
    return True


def compared(code: str) -> str:
    """The code as it is compared: without the spaces and hyphens that make it readable."""
    return "".join(code.split()).replace("-", "").lower()


def _delete(user: Any) -> None:
    # Sessions that the factor opened end with it: they name its row.
    SecondFactor.objects.filter(user=user).delete()
    RecoveryCode.objects.filter(user=user).delete()
    trusted_devices.forget(user)
