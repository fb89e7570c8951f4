"""The pages of a webhook: sign-up, connecting with a code, log and secret, unsubscribing."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from ipaddress import ip_network

import pytest
from django.http import HttpResponse
from django.utils import timezone
from pytest_django import Settings

from incidents.models import Delivery, SigningSecret, Subscriber
from incidents.notifications import jobs, release
from incidents.notifications.messages.payloads import verification_code
from incidents.status import ComponentStatus
from incidents.subscriptions import service, webhooks
from incidents.subscriptions.lifecycle import Choices
from tests.factories import make_component
from tests.notifications.helpers import announced
from tests.subscriptions.visitor import Visitor, connect_token, manage_token, text, unsubscribe_token
from tests.support.receiver import Receiver, answer

pytestmark = pytest.mark.django_db

OWNER = "drift@example.dk"


@pytest.fixture
def receiver(settings: Settings, ben: Visitor) -> Iterator[Receiver]:
    settings.WEBHOOK_NETWORKS, settings.ANNOUNCEMENT_HOLD = [ip_network("127.0.0.0/8")], 0
    with Receiver() as running:
        yield running


def sign_up(visitor: Visitor, url: str, address: str = OWNER) -> HttpResponse:
    fields = {"url": url, "address": address, "wants_incidents": "on", "scope": "all", "stamp": visitor.stamp()}
    return visitor.post(visitor.page("subscribe_webhook"), fields)


def valid_code(webhook: Subscriber) -> str:
    return verification_code(webhook.pk, webhook.opt_in_round)


def signed_up(visitor: Visitor, receiver: Receiver) -> tuple[Subscriber, str]:
    assert sign_up(visitor, receiver.url).status_code == 200
    webhook = Subscriber.objects.get()
    return webhook, visitor.page("connect", connect_token(webhook))


def connected(visitor: Visitor, receiver: Receiver) -> tuple[Subscriber, str]:
    """Return the webhook and the path of its log."""
    webhook, path = signed_up(visitor, receiver)
    assert visitor.post(path, {"code": valid_code(webhook)}).status_code == 200
    return webhook, visitor.page("webhook", manage_token(webhook))


def test_owner_confirms_by_email_and_by_code(ben: Visitor, receiver: Receiver) -> None:
    webhook, path = signed_up(ben, receiver)
    assert (webhook.state, webhook.channel, webhook.owner) == ("pending", "webhook", OWNER)
    assert Delivery.objects.get().letter == "webhook"
    assert Delivery.objects.get().channel == "email"
    assert ben.get(path).status_code == 200
    assert receiver.posted == []  # a mail scanner that opens the link posts nothing
    assert "on its way" in text(ben.post(path, {"send": "1"}))
    jobs.post()
    assert valid_code(webhook).encode() in receiver.posted[0].body
    assert "204 No Content" in text(ben.get(path))
    wrong = ben.post(path, {"code": "AAAA-AAAA"})
    assert wrong.status_code == 422
    assert 'value="AAAA-AAAA"' in wrong.content.decode()
    done = ben.post(path, {"code": f" {valid_code(webhook).lower().replace('-', ' ')}"})
    assert SigningSecret.objects.get().value in text(done)
    webhook.refresh_from_db()
    assert webhook.state == "active"
    again = text(ben.post(path, {"code": valid_code(webhook)}))
    assert "Your webhook is connected" in again
    assert "whsec_" not in again  # it was shown once


def test_code_cannot_be_guessed(ben: Visitor, receiver: Receiver) -> None:
    webhook, path = signed_up(ben, receiver)
    for number in range(10):
        ben.post(path, {"code": f"AAAA-AAA{number}"})
    assert ben.post(path, {"code": valid_code(webhook)}).status_code == 422
    ben.clock.shift(timedelta(hours=1, seconds=1))
    assert ben.post(path, {"code": valid_code(webhook)}).status_code == 200


def test_codes_and_emails_are_limited(ben: Visitor, receiver: Receiver) -> None:
    _webhook, path = signed_up(ben, receiver)
    assert [ben.post(path, {"send": "1"}).status_code for _ in range(4)] == [200] * 3 + [422]
    for number in range(10):
        assert sign_up(ben, f"{receiver.url}&n={number}").status_code == 200
    assert Delivery.objects.filter(letter="webhook").count() == 1


def test_response_does_not_reveal_whether_a_webhook_is_known(ben: Visitor, receiver: Receiver) -> None:
    connected(ben, receiver)
    known = sign_up(ben, receiver.url)
    ben.clock.shift(timedelta(days=1))
    unknown = sign_up(ben, f"{receiver.url}&other=1")
    assert text(known) == text(unknown)
    assert list(Delivery.objects.values_list("letter", flat=True).order_by("pk"))[-2:] == ["manage", "webhook"]


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "Enter the address of the webhook."),
        ("https://10.0.0.1/", "not on the internet"),
        ("ftp://example.com/", "must begin with https"),
        ("https://me:secret@example.com/", "user name"),
    ],
)
def test_invalid_url_is_refused_with_a_reason(ben: Visitor, url: str, why: str) -> None:
    refused = sign_up(ben, url)
    assert refused.status_code == 422
    assert why in text(refused)
    assert f'value="{OWNER}"' in refused.content.decode()


def test_link_expires_after_three_days_and_is_invalid_if_truncated(ben: Visitor, receiver: Receiver) -> None:
    _webhook, path = signed_up(ben, receiver)
    assert ben.get(f"{path[:-6]}/").status_code == 404
    ben.clock.shift(timedelta(hours=73))
    assert ben.post(path, {"send": "1"}).status_code == 410
    assert Delivery.objects.count() == 1


def test_owner_sees_attempts_changes_the_secret_and_replays_a_post(ben: Visitor, receiver: Receiver) -> None:
    _webhook, page = connected(ben, receiver)
    first = SigningSecret.objects.get().value
    receiver.says = lambda _post: answer("500 Oh dear")
    announced()
    jobs.post()
    assert "500 Internal Server Error" in text(ben.get(page))
    assert 'name="replay"' not in ben.get(page).content.decode()  # it is retried automatically
    receiver.says = lambda _post: answer("200 OK")
    ben.clock.shift(10)
    jobs.post()
    renewed = text(ben.post(page, {"secret": "1"}))
    second = SigningSecret.objects.order_by("-pk").values_list("value", flat=True)[0]
    assert second in renewed
    assert first not in renewed
    assert second not in text(ben.get(page))
    found = re.search(r'name="replay" value="(\d+)"', ben.get(page).content.decode())
    assert found is not None
    assert "sent again" in text(ben.post(page, {"replay": found[1]}))
    jobs.post()
    *_before, sent, again = receiver.posted
    assert sent.headers["webhook-id"] == again.headers["webhook-id"]
    assert again.headers["webhook-signature"].count("v1,") == 2
    ben.clock.shift(timedelta(hours=25))
    assert SigningSecret.objects.valid(timezone.now()).get().value == second


@pytest.mark.parametrize(("language", "shown"), [("en", "Major outage"), ("da", "Større nedbrud")])
def test_log_names_the_incident_or_component_of_each_attempt(
    ben: Visitor, receiver: Receiver, language: str, shown: str
) -> None:
    _webhook, page = connected(ben, receiver)
    page = page.replace("/en/", f"/{language}/")
    announced(components={make_component("webmail").pk: ComponentStatus.MAJOR_OUTAGE})
    release.release_component_updates(timezone.now())
    jobs.post()
    found = text(ben.get(page))
    assert f"webmail ({language}): {shown}" in found
    assert {"en": "Mail is delayed", "da": "Mail er forsinket"}[language] in found
    assert "None" not in found
    Delivery.objects.all().delete()
    assert "204 No Content" in text(ben.get(page))


def test_export_names_the_component_of_a_post(ben: Visitor, receiver: Receiver) -> None:
    webhook, _page = connected(ben, receiver)
    announced(components={make_component("webmail").pk: ComponentStatus.MAJOR_OUTAGE})
    release.release_component_updates(timezone.now())
    answer = ben.get(ben.page("data", manage_token(webhook)))
    posts = [row for row in json.loads(answer.content)["deliveries"] if row["letter"] == "component"]
    assert [(row["component"], row["component_status"]) for row in posts] == [("webmail", "major_outage")]


def test_pausing_skips_waiting_component_posts(ben: Visitor, receiver: Receiver) -> None:
    webhook, _page = connected(ben, receiver)
    announced(components={make_component().pk: ComponentStatus.MAJOR_OUTAGE})
    release.release_component_updates(timezone.now())
    choices = Choices("en")
    service.change_choices(subscriber=webhook, choices=choices, paused_until=timezone.now() + timedelta(days=1))
    jobs.post()
    assert receiver.posted == []
    assert set(Delivery.objects.posted().values_list("skip_reason", flat=True)) == {"paused"}


def test_only_own_posts_can_be_replayed(ben: Visitor, receiver: Receiver) -> None:
    _webhook, page = connected(ben, receiver)
    announced()
    jobs.post()
    mail = Delivery.objects.get(letter="webhook")
    for number in (str(mail.pk), "999999", "x", "9" * 30, "٣"):
        assert ben.post(page, {"replay": number}).status_code == 422
    assert len(receiver.posted) == 1


def test_link_in_a_post_unsubscribes_and_erasure_deletes_url_owner_and_secrets(
    ben: Visitor, receiver: Receiver
) -> None:
    webhook, _page = connected(ben, receiver)
    path = ben.page("unsubscribe", unsubscribe_token(webhook))
    assert "nothing more will be posted" in text(ben.get(path))
    ben.post(path)
    announced()
    jobs.post()
    assert receiver.posted == []
    ben.post(ben.page("erase", manage_token(webhook)))
    webhook.refresh_from_db()
    assert (webhook.address, webhook.owner, webhook.state) == ("", "", "unsubscribed")
    assert not SigningSecret.objects.exists()


@pytest.mark.parametrize(
    ("url", "channel"),
    [
        ("https://hooks.slack.com/services/T0/B0/x", "slack"),
        ("https://prod-12.westeurope.logic.azure.com/workflows/a", "teams"),
        ("https://default1.environment.api.powerplatform.com/a", "teams"),
        ("https://hooks.slack.com.example.org/services", "webhook"),
        ("https://evillogic.azure.com/", "webhook"),
    ],
)
def test_chat_is_recognised_by_its_own_host_only(url: str, channel: str) -> None:
    assert webhooks.channel_of(url) == channel
