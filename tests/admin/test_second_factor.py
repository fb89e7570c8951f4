"""The second factor at the log-in: asked for after the password, limited, used once, and not to be gone around."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, URLResolver, reverse
from pytest_django import Settings

from incidents.models import RecoveryCode, SecondFactor, TrustedDevice
from incidents.sign_in import factors, totp
from incidents.staff.actors import person
from incidents.subscriptions import limits

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
PASSWORD = "a password of Karen's"
SECRET = totp.new_secret()
CODE, SET_UP, OVERVIEW = (f"/admin/second-factor/{name}" for name in ("code/", "set-up/", ""))


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def karen(db: None) -> User:
    return User.objects.create_superuser("karen", password=PASSWORD)


@pytest.fixture
def recovery_codes(karen: User, clock: time_machine.Traveller) -> list[str]:
    """Karen's, after she set a factor up a minute ago."""
    codes = give_factor(karen)
    clock.shift(timedelta(minutes=1))
    return codes


def give_factor(user: User, secret: str = SECRET) -> list[str]:
    now = datetime.now(UTC)
    return factors.set_up(by=person(user), user=user, secret=secret, code=code(secret), replace=False, now=now)


def code(secret: str = SECRET) -> str:
    """The code that the app shows now."""
    return totp.code_at(secret, totp.step_at(datetime.now(UTC)))


def browser(**extra: Any) -> Client:
    return Client(headers={"Accept-Language": "en"}, **extra)


def types_password(client: Client, password: str = PASSWORD, target: str = "/admin/") -> Any:
    return client.post(f"/admin/login/?next={target}", {"username": "karen", "password": password})


def is_in(client: Client) -> bool:
    return client.get("/admin/jsi18n/").status_code == 200


def test_account_without_a_factor_that_needs_none_logs_in_as_before(karen: User) -> None:
    client = browser()
    assert types_password(client, target="/admin/auth/user/")["Location"] == "/admin/auth/user/"
    assert is_in(client)


def test_code_is_asked_for_after_the_password(recovery_codes: list[str]) -> None:
    client = browser()
    assert types_password(client, target="/admin/auth/user/")["Location"] == CODE
    before = client.cookies["__Host-session"].value
    assert not is_in(client)
    assert "six digits" in client.get(CODE).content.decode()
    assert client.post(CODE, {"code": "000000"}).status_code == 422
    assert not is_in(client)
    assert client.post(CODE, {"code": f" {code()[:3]} {code()[3:]} "})["Location"] == "/admin/auth/user/"
    assert is_in(client)
    assert client.cookies["__Host-session"].value != before


def test_form_keeps_where_somebody_wanted_to_go(recovery_codes: list[str]) -> None:
    page = browser().get("/admin/login/?next=/admin/auth/user/").content.decode()
    assert '<input type="hidden" name="next" value="/admin/auth/user/">' in page


def test_code_is_accepted_once(recovery_codes: list[str]) -> None:
    first, second = browser(), browser()
    types_password(first)
    types_password(second)
    assert first.post(CODE, {"code": code()}).status_code == 302
    assert second.post(CODE, {"code": code()}).status_code == 422
    assert not is_in(second)


def test_code_before_the_last_accepted_one_is_refused(karen: User, recovery_codes: list[str]) -> None:
    assert factors.accept(user=karen, code=code(), now=datetime.now(UTC))
    earlier = totp.code_at(SECRET, totp.step_at(datetime.now(UTC)) - 1)
    assert not factors.accept(user=karen, code=earlier, now=datetime.now(UTC))


def test_code_of_the_set_up_does_not_log_in(karen: User) -> None:
    give_factor(karen)
    client = browser()
    types_password(client)
    assert client.post(CODE, {"code": code()}).status_code == 422


def test_recovery_code_works_once(recovery_codes: list[str]) -> None:
    assert len(set(recovery_codes)) == 10
    client = browser()
    types_password(client)
    assert "recovery codes that you kept" in client.get(f"{CODE}?recovery").content.decode()
    assert client.post(f"{CODE}?recovery", {"code": recovery_codes[3].upper()}).status_code == 302
    assert is_in(client)
    assert "9 recovery codes are left." in client.get("/admin/").content.decode()
    again = browser()
    types_password(again)
    assert again.post(f"{CODE}?recovery", {"code": recovery_codes[3]}).status_code == 422
    assert again.post(f"{CODE}?recovery", {"code": recovery_codes[4]}).status_code == 302


def test_recovery_code_of_somebody_else_does_not_work(karen: User, recovery_codes: list[str]) -> None:
    ole = User.objects.create_superuser("ole", password=PASSWORD)
    give_factor(ole)
    assert not factors.accept(user=ole, code=recovery_codes[0], now=datetime.now(UTC))


def test_recovery_codes_are_stored_as_hashes(recovery_codes: list[str]) -> None:
    stored = {row.key for row in RecoveryCode.objects.all()}
    assert {len(key) for key in stored} == {64}
    assert not stored & {one.replace("-", "") for one in recovery_codes}


def test_rotated_key_locks_nobody_out(karen: User, recovery_codes: list[str], settings: Settings) -> None:
    client = remembered()
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new" * 20, [settings.SECRET_KEY]
    assert types_password(client)["Location"] == "/admin/"
    assert factors.accept(user=karen, code=recovery_codes[0], now=datetime.now(UTC))
    settings.SECRET_KEY_FALLBACKS = []
    other = browser()
    types_password(other)
    assert other.post(CODE, {"code": code()}).status_code == 422  # used for `remembered`
    with time_machine.travel(NOW + timedelta(minutes=5), tick=False):
        assert other.post(CODE, {"code": code()}).status_code == 302


def test_code_without_password_is_no_log_in(recovery_codes: list[str]) -> None:
    client = browser()
    for answer in (client.get(CODE), client.post(CODE, {"code": code()})):
        assert answer.status_code == 302
        assert answer["Location"] == "/admin/login/"
    types_password(client, "wrong")
    assert client.post(CODE, {"code": code()})["Location"] == "/admin/login/"
    assert not is_in(client)


def test_password_counts_for_ten_minutes(recovery_codes: list[str], clock: time_machine.Traveller) -> None:
    client = browser()
    types_password(client)
    clock.shift(timedelta(minutes=10))
    assert client.get(CODE).status_code == 200
    clock.shift(timedelta(seconds=1))
    assert client.post(CODE, {"code": code()})["Location"] == "/admin/login/"
    assert not is_in(client)


@pytest.mark.parametrize("changed", ["password", "is_active"])
def test_changed_account_ends_the_log_in(karen: User, recovery_codes: list[str], changed: str) -> None:
    client = browser()
    types_password(client)
    if changed == "password":
        karen.set_password("another")
    else:
        karen.is_active = False
    karen.save()
    assert client.post(CODE, {"code": code()})["Location"] == "/admin/login/"
    assert not is_in(client)


def test_wrong_codes_are_limited_and_pauses_grow(recovery_codes: list[str], clock: time_machine.Traveller) -> None:
    client = browser()
    types_password(client)
    said = [client.post(CODE, {"code": "000000"}).content.decode() for _number in range(6)]
    assert all("This code is not right" in page for page in said[:5])
    assert "Too many attempts. Try again in 1 minute." in said[5]
    assert "Too many attempts." in client.post(CODE, {"code": code()}).content.decode()
    elsewhere = browser(REMOTE_ADDR="198.51.100.7")
    types_password(elsewhere)
    assert elsewhere.post(CODE, {"code": code()}).status_code == 302
    clock.shift(timedelta(minutes=1))
    assert client.post(CODE, {"code": code()}).status_code == 302
    assert limits.SECOND_FACTOR[0].interval < limits.SECOND_FACTOR[1].interval


def test_wrong_codes_from_many_networks_are_limited(karen: User) -> None:
    for number in range(30):
        limits.take_second_factor(account=str(karen.pk), network=f"10.0.{number}.0/24")
    with pytest.raises(limits.LimitReached):
        limits.take_second_factor(account=str(karen.pk), network="10.1.0.0/24")
    limits.take_second_factor(account="another", network="10.1.0.0/24")


def remembered() -> Client:
    """A device that Karen logged in on, asking that it be remembered, and logged out on."""
    client = browser()
    types_password(client)
    assert client.post(CODE, {"code": code(), "remember": "on"}).status_code == 302
    client.post("/admin/logout/")
    assert not is_in(client)
    return client


def test_remembered_device_skips_the_code_until_its_time_is_over(
    recovery_codes: list[str], clock: time_machine.Traveller
) -> None:
    client = remembered()
    cookie = client.cookies["device"]
    assert (cookie["path"], cookie["samesite"], cookie["max-age"]) == ("/admin/", "Lax", 30 * 24 * 60 * 60)
    assert cookie["httponly"]
    assert cookie["secure"]
    clock.shift(timedelta(days=30) - timedelta(seconds=1))
    assert types_password(client)["Location"] == "/admin/"
    assert is_in(client)
    clock.shift(timedelta(seconds=1))
    assert types_password(client)["Location"] == CODE


def test_remembered_device_needs_the_password(recovery_codes: list[str]) -> None:
    client = remembered()
    types_password(client, "wrong")
    assert not is_in(client)


def test_device_is_remembered_only_if_asked(recovery_codes: list[str]) -> None:
    client = browser()
    types_password(client)
    client.post(CODE, {"code": code()})
    assert "device" not in client.cookies
    assert not TrustedDevice.objects.exists()


def test_remembered_device_of_somebody_else_does_not_count(recovery_codes: list[str]) -> None:
    client = remembered()
    ole = User.objects.create_superuser("ole", password=PASSWORD)
    give_factor(ole)
    answer: Any = client.post("/admin/login/", {"username": "ole", "password": PASSWORD})
    assert answer["Location"] == CODE


def test_new_password_and_reset_end_remembered_devices(karen: User, recovery_codes: list[str]) -> None:
    client = remembered()
    karen.set_password("another")
    karen.save()
    assert types_password(client, "another")["Location"] == CODE
    karen.set_password(PASSWORD)
    karen.save()
    factors.reset(by=person(karen), user=karen)
    assert not TrustedDevice.objects.exists()
    assert not RecoveryCode.objects.exists()


def test_no_device_is_remembered_if_the_setting_is_zero(recovery_codes: list[str], settings: Settings) -> None:
    client = remembered()
    settings.REMEMBER_DEVICE_DAYS = 0
    assert types_password(client)["Location"] == CODE
    assert "Do not ask" not in client.get(CODE).content.decode()


def open_addresses() -> set[str]:
    """What those who are not logged in may see: the log-in, its steps, and the page's colours."""
    names = ("login", "logout", "appearance", "single_sign_on", "single_sign_on_callback", "log_in_link")
    return {reverse(f"admin:{name}") for name in names} | {CODE, SET_UP}


def admin_addresses(patterns: Any = None, before: str = "/admin/") -> Iterator[str]:
    """Every registered address of the admin, with 1 for its parameters."""
    for one in admin.site.get_urls() if patterns is None else patterns:
        route = str(one.pattern)
        for name in one.pattern.converters:
            route = re.sub(rf"<[a-z]*:?{name}>", "1", route)
        if isinstance(one, URLResolver):
            yield from admin_addresses(one.url_patterns, before + route)
        elif isinstance(one, URLPattern) and not route.startswith(("^", "(")):
            yield before + route


@pytest.mark.parametrize("required", ["publisher", "all", "none"])
def test_session_without_the_factor_reaches_no_page(
    karen: User, settings: Settings, clock: time_machine.Traveller, required: str
) -> None:
    settings.REQUIRE_SECOND_FACTOR = required
    client = browser()
    client.force_login(karen)
    if required == "none":  # set up in another browser
        give_factor(karen)
    tried = set(admin_addresses()) - open_addresses()
    assert len(tried) > 80
    for address in tried | {"/admin/nothing/"}:
        for answer in (client.get(address), client.post(address, {"post": "yes"})):
            assert answer.status_code == 302, address
            assert answer["Location"].startswith("/admin/login/?next="), address
    clock.shift(timedelta(minutes=20))  # the password would be asked for again
    assert client.get("/admin/auth/user/add/")["Location"].startswith("/admin/login/?next=")
    assert "Log in again" in client.get("/admin/login/").content.decode()


def test_half_logged_in_session_reaches_no_page(recovery_codes: list[str]) -> None:
    client = browser()
    types_password(client)
    for address in set(admin_addresses()) - open_addresses():
        assert client.get(address)["Location"].startswith("/admin/login/?next="), address
        assert client.post(address)["Location"].startswith("/admin/login/?next="), address
    assert client.get(SET_UP)["Location"] == CODE
    assert client.post(SET_UP, {"code": "1"})["Location"] == CODE


def test_log_out_ends_a_session_without_the_factor(karen: User, settings: Settings) -> None:
    settings.REQUIRE_SECOND_FACTOR = "all"
    client = browser()
    client.force_login(karen)
    assert client.post("/admin/logout/").status_code == 200
    assert "_auth_user_id" not in client.session


def test_setting_decides_who_needs_a_factor(karen: User, settings: Settings) -> None:
    viewer = User.objects.create_user("viggo", is_staff=True)
    needed = {}
    for value in ("publisher", "all", "none"):
        settings.REQUIRE_SECOND_FACTOR = value
        needed[value] = (factors.is_required(karen), factors.is_required(viewer))
    assert needed == {"publisher": (True, False), "all": (True, True), "none": (False, False)}


def test_required_factor_is_set_up_at_the_log_in(karen: User, settings: Settings) -> None:
    settings.REQUIRE_SECOND_FACTOR = "publisher"
    client = browser()
    assert types_password(client, target="/admin/auth/user/")["Location"] == SET_UP
    page = client.get(SET_UP)
    assert 'src="data:image/svg+xml' in page.content.decode()
    secret = page.context["secret"].replace(" ", "")
    assert client.get(SET_UP).context["secret"] == page.context["secret"]
    assert client.post(SET_UP, {"code": "000000"}).status_code == 422
    assert not is_in(client)
    shown = client.post(SET_UP, {"code": code(secret)})
    assert shown.status_code == 200
    assert shown.context["target"] == "/admin/auth/user/"
    codes = shown.context["codes"]
    assert all(one in shown.content.decode() for one in codes)
    assert is_in(client)
    assert SecondFactor.objects.get().secret == secret
    assert factors.accept(user=karen, code=codes[0], now=NOW)
    assert "secret" not in str(dict(client.session))


def test_second_set_up_of_a_half_logged_in_session_changes_nothing(karen: User, settings: Settings) -> None:
    settings.REQUIRE_SECOND_FACTOR = "publisher"
    thief = browser()
    types_password(thief)
    secret = thief.get(SET_UP).context["secret"].replace(" ", "")
    give_factor(karen)
    assert thief.post(SET_UP, {"code": code(secret)})["Location"] == CODE
    with pytest.raises(factors.WrongCode):
        give_factor(karen, secret)
    assert SecondFactor.objects.get().secret == SECRET
