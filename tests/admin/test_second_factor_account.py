"""Changing one's own second factor, resetting that of somebody else, and the emails about it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Permission, User
from django.core import mail
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from incidents.models import AuditEntry, RecoveryCode, SecondFactor, TrustedDevice
from incidents.sign_in import factors, steps, totp, trusted_devices
from incidents.staff.actors import person

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
PASSWORD = "a password of Karen's"
SECRET = totp.new_secret()
PAGE = "/admin/second-factor/"


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def karen(db: None) -> User:
    return User.objects.create_superuser("karen", "karen@example.dk", PASSWORD)


def code(secret: str = SECRET) -> str:
    return totp.code_at(secret, totp.step_at(datetime.now(UTC)))


def give_factor(user: User) -> list[str]:
    now = datetime.now(UTC)
    return factors.set_up(by=person(user), user=user, secret=SECRET, code=code(), replace=False, now=now)


def logged_in(user: User) -> Client:
    client = Client(headers={"Accept-Language": "en"})
    client.force_login(user)
    if factor := factors.factor_of(user):
        session = client.session
        session[steps._PASSED] = factor.pk
        session.save()
    return client


def test_member_of_staff_sets_one_up_with_the_password(karen: User) -> None:
    client = logged_in(karen)
    assert "has no second factor" in client.get(PAGE).content.decode()
    secret = client.get(f"{PAGE}set-up/").context["secret"].replace(" ", "")
    refused = client.post(f"{PAGE}set-up/", {"code": code(secret), "proof": "wrong"})
    assert refused.status_code == 422
    assert not SecondFactor.objects.exists()
    shown = client.post(f"{PAGE}set-up/", {"code": code(secret), "proof": PASSWORD})
    assert len(shown.context["codes"]) == 10
    page = client.get(PAGE).content.decode()
    assert "has had a second factor since 27 Nov 2026" in page
    assert "10 recovery codes are left." in page


def test_set_up_ends_sessions_that_did_not_pass_it(karen: User) -> None:
    other = logged_in(karen)
    give_factor(karen)
    assert other.get(PAGE).status_code == 302
    assert logged_in(karen).get(PAGE).status_code == 200


@pytest.mark.parametrize("proof", ["password", "code"])
def test_replacing_needs_the_password_or_a_code_and_voids_everything_earlier(
    karen: User, clock: time_machine.Traveller, proof: str
) -> None:
    codes = give_factor(karen)
    token = trusted_devices.remember(karen, NOW)
    clock.shift(timedelta(minutes=1))
    client, other = logged_in(karen), logged_in(karen)
    secret = client.get(f"{PAGE}set-up/").context["secret"].replace(" ", "")
    assert client.post(f"{PAGE}set-up/", {"code": code(secret), "proof": ""}).status_code == 422
    assert client.post(f"{PAGE}set-up/", {"code": code(secret), "proof": "000000"}).status_code == 422
    typed = PASSWORD if proof == "password" else code()
    assert client.post(f"{PAGE}set-up/", {"code": code(secret), "proof": typed}).status_code == 200
    assert SecondFactor.objects.get().secret == secret
    assert not factors.accept(user=karen, code=codes[0], now=NOW)
    assert not trusted_devices.is_remembered(karen, token, NOW)
    assert client.get(PAGE).status_code == 200
    assert other.get(PAGE).status_code == 302


def test_new_recovery_codes_void_the_earlier_ones(karen: User) -> None:
    codes = give_factor(karen)
    client = logged_in(karen)
    assert client.post(f"{PAGE}codes/", {"proof": "wrong"}).status_code == 422
    shown = client.post(f"{PAGE}codes/", {"proof": PASSWORD})
    assert "recovery-codes.txt" in shown.content.decode()
    assert all(one in shown.context["file"] for one in shown.context["codes"])
    assert not factors.accept(user=karen, code=codes[0], now=NOW)
    assert factors.accept(user=karen, code=shown.context["codes"][0], now=NOW)
    assert RecoveryCode.objects.count() == 10


def test_factor_is_removed_only_where_none_is_required(karen: User, settings: Settings) -> None:
    give_factor(karen)
    client = logged_in(karen)
    settings.REQUIRE_SECOND_FACTOR = "publisher"
    assert f"{PAGE}remove/" not in client.get(PAGE).content.decode()
    client.post(f"{PAGE}remove/", {"proof": PASSWORD})
    assert SecondFactor.objects.exists()
    settings.REQUIRE_SECOND_FACTOR = "none"
    assert client.post(f"{PAGE}remove/", {"proof": "wrong"}).status_code == 422
    assert client.post(f"{PAGE}remove/", {"proof": PASSWORD}).status_code == 302
    assert not SecondFactor.objects.exists()
    assert not RecoveryCode.objects.exists()


def test_remembered_devices_are_forgotten(karen: User) -> None:
    give_factor(karen)
    trusted_devices.remember(karen, NOW)
    client = logged_in(karen)
    assert client.post(f"{PAGE}forget/", {"proof": PASSWORD}).status_code == 302
    assert not TrustedDevice.objects.exists()


def test_wrong_proofs_are_limited(karen: User) -> None:
    give_factor(karen)
    client = logged_in(karen)
    said = [client.post(f"{PAGE}codes/", {"proof": "wrong"}).content.decode() for _number in range(6)]
    assert all("neither your password nor a code" in page for page in said[:5])
    assert "Too many attempts." in said[5]


def test_administrator_resets_the_factor_of_somebody_else(karen: User) -> None:
    ole = User.objects.create_user("ole", is_staff=True, password=PASSWORD)
    give_factor(ole)
    trusted_devices.remember(ole, NOW)
    client, session = logged_in(karen), logged_in(ole)
    assert session.get(PAGE).status_code == 200
    address = reverse("admin:auth_user_second_factor", args=[ole.pk])
    assert address in client.get(reverse("admin:auth_user_change", args=[ole.pk])).content.decode()
    assert "asks for it" in client.get(address).content.decode()
    assert SecondFactor.objects.exists()
    assert client.post(address).status_code == 302
    assert not SecondFactor.objects.exists()
    assert not TrustedDevice.objects.exists()
    assert session.get(PAGE).status_code == 302
    entry = AuditEntry.objects.get(operation="reset_second_factor")
    assert (entry.actor_name, entry.object_id) == ("karen", str(ole.pk))
    assert "has no second factor" in client.get(address).content.decode()


def test_own_factor_is_not_reset_without_proof(karen: User) -> None:
    give_factor(karen)
    address = reverse("admin:auth_user_second_factor", args=[karen.pk])
    assert logged_in(karen).post(address)["Location"] == PAGE
    assert SecondFactor.objects.exists()


def test_nobody_resets_the_factor_of_an_account_with_more_rights(karen: User) -> None:
    give_factor(karen)
    mia = User.objects.create_user("mia", is_staff=True)
    mia.user_permissions.add(*Permission.objects.filter(content_type__app_label="auth"))
    assert logged_in(mia).post(reverse("admin:auth_user_second_factor", args=[karen.pk])).status_code == 403
    ole = User.objects.create_user("ole", is_staff=True)
    assert logged_in(ole).post(reverse("admin:auth_user_second_factor", args=[mia.pk])).status_code == 403
    assert SecondFactor.objects.exists()


def test_command_resets_a_factor(karen: User) -> None:
    give_factor(karen)
    said = StringIO()
    call_command("second_factor", reset="karen", stdout=said)
    assert "is reset" in said.getvalue()
    assert not SecondFactor.objects.exists()
    with pytest.raises(CommandError, match="has no second factor"):
        call_command("second_factor", reset="karen")
    with pytest.raises(CommandError, match="There is no account"):
        call_command("second_factor", reset="nobody")


def test_each_change_is_mailed_in_the_languages_of_the_page(
    karen: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        give_factor(karen)
        factors.set_up(by=person(karen), user=karen, secret=SECRET, code=code(), replace=True, now=NOW)
        factors.remove(by=person(karen), user=karen)
        give_factor(karen)
        factors.reset(by=person(karen), user=karen)
    said = [message.body for message in mail.outbox]
    assert [message.to for message in mail.outbox] == [["karen@example.dk"]] * 5
    for body, words in zip(said, ("was set up", "was replaced", "was removed", "was set up", "was reset"), strict=True):
        assert words in body
        assert "“karen”" in body
        assert "skift din adgangskode" in body
    assert SECRET not in "".join(map(str, said))


def test_account_without_address_gets_no_mail(
    karen: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    karen.email = ""
    with django_capture_on_commit_callbacks(execute=True):
        give_factor(karen)
    assert mail.outbox == []


def test_mail_that_fails_stops_nothing(
    karen: User,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    with django_capture_on_commit_callbacks(execute=True):
        give_factor(karen)
    assert SecondFactor.objects.exists()
    assert "could not be sent" in caplog.text


def test_pages_are_in_danish_too(karen: User, settings: Settings) -> None:
    give_factor(karen)
    client: Any = logged_in(karen)
    page = client.get(PAGE, headers={"Accept-Language": "da"}).content.decode()
    assert "Totrinsbekræftelse har været slået til for din konto siden 27. november 2026." in page
