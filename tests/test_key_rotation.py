"""Rotating SECRET_KEY with SECRET_KEY_FALLBACKS: old signatures stay valid, new ones use the new key."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from incidents import links
from incidents.links import Purpose
from incidents.notifications.messages.payloads import verification_code
from incidents.subscriptions import form_stamps, importing, lifecycle, webhooks
from incidents.subscriptions.import_table import ImportResult
from tests.factories import make_subscriber

OLD, NEW = "old" * 20, "new" * 20


def rotate(settings: Settings, *, keep: bool = True) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, [OLD] if keep else []


@pytest.fixture(autouse=True)
def _old_key(settings: Settings) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = OLD, []


@pytest.mark.parametrize("purpose", [purpose for purpose in Purpose if purpose != Purpose.BOUNCE])
def test_old_link_works_and_a_new_one_needs_the_new_key(settings: Settings, purpose: Purpose) -> None:
    old = links.sign(purpose, "value")
    rotate(settings)
    new = links.sign(purpose, "value")
    assert links.unsign(purpose, old) == links.unsign(purpose, new) == "value"
    rotate(settings, keep=False)
    assert (links.unsign(purpose, old), links.unsign(purpose, new)) == (None, "value")


def test_bounce_address_and_stamp_of_a_form_survive(settings: Settings) -> None:
    bounce, stamp = links.sign_bounce(7), form_stamps.new()
    rotate(settings)
    assert links.unsign_bounce(bounce) == links.unsign_bounce(links.sign_bounce(7)) == 7
    assert links.sign_bounce(7) != bounce
    assert form_stamps.is_genuine(stamp)


@pytest.mark.django_db
def test_staff_stay_logged_in(settings: Settings, client: Client) -> None:
    client.force_login(User.objects.create_superuser("karen"))
    rotate(settings)
    assert client.get("/admin/jsi18n/").status_code == 200


@pytest.mark.django_db
def test_without_fallbacks_staff_log_in_again(settings: Settings, client: Client) -> None:
    client.force_login(User.objects.create_superuser("karen"))
    rotate(settings, keep=False)
    assert client.get("/admin/jsi18n/").status_code == 302


@pytest.mark.django_db
def test_erased_address_is_recognised(settings: Settings) -> None:
    make_subscriber(address="", state="unsubscribed", erased_key=lifecycle.erased_key("gone@a.example"))
    rotate(settings)
    candidates: dict[str, object] = {"gone@a.example": None}
    assert importing._known(candidates) == {"gone@a.example": ImportResult.ERASED}  # type: ignore[arg-type]


@pytest.mark.django_db
def test_code_that_was_posted_to_a_webhook_is_still_right(settings: Settings) -> None:
    webhook = make_subscriber()
    code = verification_code(webhook.pk, webhook.opt_in_round)
    rotate(settings)
    assert webhooks._is_right(code, webhook)
    assert webhooks._is_right(verification_code(webhook.pk, webhook.opt_in_round), webhook)
    rotate(settings, keep=False)
    assert not webhooks._is_right(code, webhook)
