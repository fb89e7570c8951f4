"""What `doctor` finds about accounts of staff."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from incidents.doctor import people
from incidents.models import SecondFactor

pytestmark = pytest.mark.django_db


def test_publishers_without_a_second_factor_are_counted_and_not_named() -> None:
    assert people.publishers_have_second_factors().state == "OK"
    karen = User.objects.create_superuser("karen", password="a long password")
    User.objects.create_superuser("by-provider")  # has no password
    User.objects.create_user("viggo", password="a long password", is_staff=True)
    User.objects.create_superuser("blocked", password="a long password", is_active=False)
    result = people.publishers_have_second_factors()
    assert (result.state, result.found) == ("WARN", "1 of 1 account that may publish without a second factor")
    SecondFactor.objects.create(user=karen, secret="secret", last_step=1, confirmed_at=timezone.now())
    result = people.publishers_have_second_factors()
    assert (result.state, result.found) == ("OK", "1 account that may publish, all with a second factor")


def test_accounts_that_nobody_uses_are_counted() -> None:
    long_ago = timezone.now() - timedelta(days=200)
    User.objects.create_superuser("karen")
    viggo = User.objects.create_user("viggo", is_staff=True, date_joined=long_ago, last_login=timezone.now())
    assert people.accounts_are_used().state == "OK"
    User.objects.filter(pk=viggo.pk).update(last_login=long_ago)
    User.objects.create_user("never", is_staff=True, date_joined=long_ago)
    result = people.accounts_are_used()
    assert (result.state, result.found) == ("WARN", "2 of 3 accounts unused for 180 days")
