"""Accounts of staff. Results have numbers and no names."""

from datetime import timedelta

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from ..models import SecondFactor
from ..sign_in import factors
from .base import CheckResult, many, ok, warn

_UNUSED = timedelta(days=180)


def publishers_have_second_factors() -> CheckResult:
    """Leave out accounts without a password: their identity provider asks for the second factor."""
    publishers = [one for one in _staff() if one.has_usable_password() and factors.may_publish(one)]
    protected = set(SecondFactor.objects.values_list("user", flat=True))
    without = sum(one.pk not in protected for one in publishers)
    if without:
        found = f"{without} of {many(len(publishers), 'account')} that may publish without a second factor"
        return warn(found, "Ask them to set one up at the next log-in (docs/second-factor.md).")
    return ok(f"{many(len(publishers), 'account')} that may publish, all with a second factor")


def accounts_are_used() -> CheckResult:
    staff = _staff()
    unused = staff.annotate(used_at=Coalesce("last_login", "date_joined")).filter(used_at__lt=timezone.now() - _UNUSED)
    if number := unused.count():
        advice = "Block accounts that nobody needs, in the newsroom under Accounts (docs/people.md)."
        return warn(f"{number} of {many(len(staff), 'account')} unused for {_UNUSED.days} days", advice)
    return ok(f"{many(len(staff), 'account')}, all used in the last {_UNUSED.days} days")


def _staff() -> "QuerySet[User]":
    return User.objects.filter(is_active=True, is_staff=True)
