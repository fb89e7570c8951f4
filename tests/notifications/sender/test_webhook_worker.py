"""Webhooks: posts to a real server, signed, retried, given up, and reported to the owner."""

import json
import re
import select
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from ipaddress import ip_network
from threading import Event
from typing import Any

import pytest
import time_machine
from django.db.models import Value
from django.db.models.functions import Replace
from django.utils import timezone
from pytest_django import Settings
from standardwebhooks import Webhook

from harness.deliveries import release_held
from harness.waiting import PATIENCE, wait_for
from incidents import dialling, guard
from incidents.models import Announcement, Attempt, Delivery, Destination, SigningSecret, Subscriber
from incidents.notifications import jobs, outbox
from incidents.notifications.addressing import relay_name
from incidents.notifications.ledger import recovery
from incidents.notifications.messages import signatures
from incidents.notifications.messages.payloads import render
from incidents.notifications.sender import stopping
from incidents.status import ComponentStatus, Phase
from incidents.stop_signal import StopSignal
from incidents.text import Text
from tests.factories import make_component, make_incident, make_page, make_statement, make_subscriber, make_update
from tests.notifications.helpers import announced, claimed, states
from tests.support.receiver import Posted, Receiver, answer

pytestmark = pytest.mark.django_db


@pytest.fixture
def receiver(settings: Settings, clock: time_machine.Traveller) -> Iterator[Receiver]:
    settings.WEBHOOK_NETWORKS = [ip_network("127.0.0.0/8")]
    with Receiver() as running:
        yield running


def make_webhook(receiver: Receiver, **fields: Any) -> Subscriber:
    defaults = {"address": receiver.url, "channel": "webhook", "owner": "drift@example.dk", "language": "en"}
    webhook = make_subscriber(**{**defaults, **fields})
    SigningSecret.objects.create(subscriber=webhook, value=signatures.new_secret())
    return webhook


def post_all(times: int = 1) -> None:
    for _ in range(times):
        recovery.recover_abandoned(timezone.now())
        jobs.post()


def only() -> Delivery:
    return Delivery.objects.posted().get()


def let_retries_happen(clock: time_machine.Traveller, limit: int = 30) -> list[timedelta]:
    """Move from attempt to attempt until nothing waits; return the pauses between them."""
    pauses: list[timedelta] = []
    while only().is_waiting and len(pauses) < limit:
        pauses.append(only().next_attempt_at - timezone.now())
        clock.move_to(only().next_attempt_at + timedelta(milliseconds=1))
        post_all()
    return pauses


def test_post_has_the_shape_of_statuspage_and_a_valid_signature(receiver: Receiver) -> None:
    make_page()
    webhook, part = make_webhook(receiver), make_component()
    announced(components={part.pk: ComponentStatus.PARTIAL_OUTAGE})
    post_all()
    assert only().state == "sent"
    posted = receiver.posted[0]
    secret = SigningSecret.objects.get().value
    said = Webhook(secret).verify(posted.body, dict(posted.headers.items()))
    assert set(said) == {"meta", "page", "incident"}
    assert set(said["meta"]) == {"unsubscribe", "documentation", "generated_at"}
    assert f"/en/subscription/unsubscribe/{webhook.pk}~" in said["meta"]["unsubscribe"]
    assert said["page"]["status_indicator"] == "major"
    incident = said["incident"]
    expected = """name status created_at updated_at monitoring_at resolved_at impact shortlink postmortem_ignored
        postmortem_body postmortem_body_last_updated_at postmortem_published_at postmortem_notified_subscribers
        postmortem_notified_twitter backfilled scheduled_for scheduled_until scheduled_remind_prior
        scheduled_reminded_at impact_override scheduled_auto_in_progress scheduled_auto_completed id page_id
        incident_updates components"""
    assert set(expected.split()) <= set(incident)
    assert incident["name"] == "Mail is delayed"
    assert incident["incident_updates"][0]["affected_components"][0]["new_status"] == "partial_outage"
    assert incident["incident_updates"][0]["wants_twitter_update"] is False
    attempt = Attempt.objects.get()
    assert (attempt.subscriber_id, attempt.delivery_id, attempt.code) == (webhook.pk, only().pk, 204)


def test_ids_of_posts_do_not_tell_how_many_there_are() -> None:
    ids = [signatures.post_id(number) for number in range(1, 1000)]
    assert len(set(ids)) == 999
    assert all(re.fullmatch("msg_[a-z2-7]{24}", one) for one in ids)  # Standard Webhooks allow no dot
    assert sorted(ids) != ids


def test_old_and_new_secret_both_sign_during_a_change(receiver: Receiver) -> None:
    webhook = make_webhook(receiver)
    old = SigningSecret.objects.get()
    SigningSecret.objects.update(valid_until=timezone.now() + timedelta(hours=24))
    new = SigningSecret.objects.create(subscriber=webhook, value=signatures.new_secret())
    SigningSecret.objects.create(
        subscriber=webhook, value=signatures.new_secret(), valid_until=timezone.now() - timedelta(seconds=1)
    )
    announced()
    post_all()
    posted = receiver.posted[0]
    assert posted.headers["webhook-signature"].count("v1,") == 2
    for secret in (old, new):
        Webhook(secret.value).verify(posted.body, dict(posted.headers.items()))


def test_failing_webhook_is_suspended_after_ten_attempts_and_its_owner_notified(
    receiver: Receiver, clock: time_machine.Traveller
) -> None:
    webhook = make_webhook(receiver)
    receiver.says = lambda _posted: answer("500 Oh dear")
    announced()
    post_all()
    pauses = let_retries_happen(clock)
    steps = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]
    assert [round(pause.total_seconds() / step) for pause, step in zip(pauses, steps, strict=True)] == [1] * 9
    assert (only().state, only().attempts, only().reply) == ("failed", 10, "Internal Server Error")
    assert {posted.headers["webhook-id"] for posted in receiver.posted} == {signatures.post_id(only().pk)}
    assert len({posted.headers["webhook-timestamp"] for posted in receiver.posted}) == 10
    webhook.refresh_from_db()
    assert webhook.state == "suspended"
    notice = Delivery.objects.by_mail().get()
    assert (notice.letter, notice.destination) == ("webhook_suspended", "example.dk")


@pytest.mark.parametrize("status", ["301 Moved", "400 Bad", "404 Not Found", "503 Busy"])
def test_every_response_other_than_2xx_is_retried(receiver: Receiver, status: str) -> None:
    make_webhook(receiver)
    receiver.says = lambda _posted: answer(status, location="/elsewhere")
    announced()
    post_all()
    assert (only().state, only().reply_code, len(receiver.posted)) == ("deferred", int(status[:3]), 1)


def test_410_suspends_the_webhook_at_once(receiver: Receiver) -> None:
    webhook = make_webhook(receiver)
    receiver.says = lambda _posted: answer("410 Gone")
    announced()
    post_all(2)
    webhook.refresh_from_db()
    assert (only().state, webhook.state, webhook.suspended_because) == ("failed", "suspended", "410 Gone")
    assert Delivery.objects.by_mail().get().letter == "webhook_suspended"


def test_retry_after_is_respected_and_delays_no_other_webhook_on_the_host(
    receiver: Receiver, clock: time_machine.Traveller
) -> None:
    busy = make_webhook(receiver)
    make_webhook(receiver, address=f"{receiver.url}&other=1")
    receiver.says = lambda post: answer("200 OK" if "other" in post.line else "429 Slow", retry_after="3600")
    announced()
    post_all()
    waiting = Delivery.objects.get(subscriber=busy)
    assert waiting.next_attempt_at - timezone.now() == timedelta(hours=1)
    assert states() == {"deferred": 1, "sent": 1}
    receiver.says = lambda _post: answer("200 OK")
    clock.shift(3599)
    post_all()
    assert len(receiver.posted) == 2
    clock.shift(2)
    post_all()
    assert states() == {"sent": 2}


def test_unreachable_host_is_probed_once_and_gets_everything_when_it_is_back(
    receiver: Receiver, clock: time_machine.Traveller
) -> None:
    for number in range(3):
        make_webhook(receiver, address=f"{receiver.url}&n={number}")
    with Receiver() as down:
        port = down.port
    there = f"127.0.0.1:{receiver.port}"
    Subscriber.objects.update(address=Replace("address", Value(there), Value(f"127.0.0.1:{port}")))
    announced()
    post_all()
    assert Attempt.objects.count() == 1
    assert Destination.objects.in_trouble().get().reply == "The host takes no connection on this port."
    Subscriber.objects.update(address=Replace("address", Value(f"127.0.0.1:{port}"), Value(there)))
    clock.shift(10)
    post_all(2)
    assert states() == {"sent": 3}


def test_post_of_a_killed_worker_is_resent_with_the_same_id(receiver: Receiver, clock: time_machine.Traveller) -> None:
    make_webhook(receiver)
    announced()
    Delivery.objects.update(state="sending", **claimed(), attempts=1)
    for _ in range(2):
        clock.shift(timedelta(seconds=15))
        recovery.recover_abandoned(timezone.now())
    assert (only().state, receiver.posted) == ("uncertain", [])
    post_all(2)
    assert only().state == "sent"
    assert [posted.headers["webhook-id"] for posted in receiver.posted] == [signatures.post_id(only().pk)]


@pytest.fixture
def stop(monkeypatch: pytest.MonkeyPatch) -> StopSignal:
    """The signal to stop, after which connections are closed at once."""
    requested = StopSignal()
    monkeypatch.setattr(stopping, "_requested", requested)
    monkeypatch.setattr(stopping, "GRACE", timedelta())
    return requested


def stop_before_the_answer(receiver: Receiver, stop: StopSignal) -> None:
    """Run a job that is stopped when its post has arrived, and then one that is not."""
    has_ended = Event()

    def stop_and_wait(_posted: Posted) -> bytes:
        stop.set()
        has_ended.wait(PATIENCE)
        return b""

    receiver.says = stop_and_wait
    jobs.post()
    has_ended.set()
    stop.clear()
    receiver.says = lambda _posted: answer("200 OK")
    jobs.post()


@pytest.mark.parametrize("attempts", [0, 9])
def test_post_that_a_stopped_worker_cut_off_may_have_arrived(
    receiver: Receiver, clock: time_machine.Traveller, stop: StopSignal, attempts: int
) -> None:
    webhook = make_webhook(receiver)
    announced()
    Delivery.objects.update(attempts=attempts)
    stop_before_the_answer(receiver, stop)
    assert (only().state, only().times_uncertain, len(receiver.posted)) == ("uncertain", 1, 1)
    assert Attempt.objects.get().said == "The worker was stopped before the answer came."
    clock.shift(timedelta(minutes=41))
    post_all()
    assert only().state == "sent"
    assert [posted.headers["webhook-id"] for posted in receiver.posted] == [signatures.post_id(only().pk)] * 2
    webhook.refresh_from_db()
    assert webhook.state == "active"
    assert not Delivery.objects.by_mail().exists()


def test_webhook_is_not_suspended_because_its_last_attempts_were_cut_off(
    receiver: Receiver, clock: time_machine.Traveller, stop: StopSignal
) -> None:
    webhook = make_webhook(receiver)
    announced()
    Delivery.objects.update(attempts=9, times_uncertain=1)
    stop_before_the_answer(receiver, stop)
    webhook.refresh_from_db()
    assert (only().state, webhook.state) == ("failed", "active")
    assert not Delivery.objects.by_mail().exists()


@pytest.mark.parametrize("attempts", [0, 9])
def test_post_that_a_stopped_worker_has_not_sent_waits_for_the_next(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, stop: StopSignal, attempts: int
) -> None:
    webhook = make_webhook(receiver)
    announced()
    Delivery.objects.update(attempts=attempts)
    may_resolve, is_over = Event(), Event()
    post = guard.post

    def resolve_late(_host: str, _port: int) -> list[str]:
        stop.set()
        may_resolve.wait(PATIENCE)
        return ["127.0.0.1"]

    def post_and_tell(*values: Any, **options: Any) -> Any:
        try:
            return post(*values, **options)
        finally:
            is_over.set()

    with monkeypatch.context() as patch:
        patch.setattr(dialling, "addresses_of", resolve_late)
        patch.setattr(guard, "post", post_and_tell)
        jobs.post()
        may_resolve.set()
        assert is_over.wait(PATIENCE)
    assert (only().state, only().times_uncertain, receiver.posted) == ("queued", 0, [])
    assert only().next_attempt_at <= timezone.now()
    assert not Attempt.objects.exists()
    stop.clear()
    post_all()
    webhook.refresh_from_db()
    assert (only().state, len(receiver.posted), webhook.state) == ("sent", 1, "active")


def test_posts_are_sent_while_the_mail_server_is_down(receiver: Receiver) -> None:
    make_webhook(receiver)
    Destination.objects.create(
        name=relay_name(), failing_since=timezone.now(), retry_at=timezone.now() + timedelta(hours=1)
    )
    announced()
    assert recovery.are_posts_due(timezone.now())
    post_all()
    assert only().state == "sent"
    assert not recovery.are_posts_due(timezone.now())


def test_newer_update_supersedes_waiting_posts(receiver: Receiver, clock: time_machine.Traveller) -> None:
    make_webhook(receiver)
    receiver.says = lambda _posted: answer("500 Oh dear")
    first = announced()
    post_all()
    clock.shift(60)
    receiver.says = lambda _posted: answer("200 OK")
    announced(first.update.incident)
    post_all(2)
    assert list(Delivery.objects.order_by("pk").values_list("state", "skip_reason")) == [
        ("skipped", "superseded"),
        ("sent", ""),
    ]
    assert len(json.loads(receiver.posted[-1].body)["incident"]["incident_updates"]) == 2


def test_unsubscribed_webhook_gets_no_more_posts(receiver: Receiver) -> None:
    webhook = make_webhook(receiver)
    announced()
    Subscriber.objects.filter(pk=webhook.pk).update(state="unsubscribed")
    post_all()
    assert (only().skip_reason, receiver.posted) == ("unsubscribed", [])


def test_address_that_now_resolves_to_an_internal_network_is_not_called(receiver: Receiver, settings: Settings) -> None:
    make_webhook(receiver, address=f"https://localhost:{receiver.port}/")
    settings.WEBHOOK_NETWORKS = [ip_network("10.0.0.0/8")]
    announced()
    post_all()
    assert (only().state, only().reply) == ("deferred", "The host is in a network that is not on the internet.")
    assert receiver.posted == []


@pytest.fixture
def announcement(clock: time_machine.Traveller, db: None) -> Any:
    make_page()
    part = make_component()
    incident = make_incident(statement=make_statement(components={part.pk: ComponentStatus.MAJOR_OUTAGE}))
    clock.shift(60)
    update = make_update(incident, Phase.MITIGATED, notify=True)
    update.text = Text(da="Se <!channel> & *vent*", en="See <!channel> & *wait*")
    update.quote, update.quote_language = "We fixed [it](https://example.com).", "en"
    incident.upstream_name = "Microsoft"
    incident.save()
    update.save()
    release_held()
    return Announcement.objects.get()


@pytest.mark.parametrize(
    ("language", "title"), [("da", "✕ Afhjulpet: Mail er forsinket"), ("en", "✕ Mitigated: Mail is delayed")]
)
def test_slack_gets_blocks_in_the_chosen_language_without_mentions(
    announcement: Any, language: str, title: str
) -> None:
    said = json.loads(render("slack", "update", language, announcement).body)
    kinds = [block["type"] for block in said["blocks"]]
    assert kinds[0] == "header"
    assert kinds[-1] == "actions"
    assert said["blocks"][0]["text"]["text"] == title
    assert "<!channel>" not in json.dumps(said)
    assert "&lt;!channel&gt; &amp; " in json.dumps(said)
    assert said["blocks"][-1]["elements"][0]["url"].startswith(f"https://status.example.dk/{language}/incidents/")
    assert "Microsoft" in json.dumps(said)


def test_slack_text_stays_within_the_limits(announcement: Any) -> None:
    announcement.update.text = Text(da="<&> " * 3000, en="")
    announcement.update.save()
    blocks = json.loads(render("slack", "update", "da", announcement).body)["blocks"]
    texts = [block["text"]["text"] for block in blocks if block["type"] == "section"]
    assert 2000 < max(map(len, texts)) <= 3000
    assert "&amp;&gt; …" in json.dumps(blocks, ensure_ascii=False)


@pytest.mark.parametrize(("language", "more"), [("da", "Læs mere"), ("en", "Read more")])
def test_teams_gets_an_adaptive_card_for_workflows(announcement: Any, language: str, more: str) -> None:
    said = json.loads(render("teams", "update", language, announcement).body)
    assert said["type"] == "message"
    attachment = said["attachments"][0]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert (card["type"], card["version"], card["lang"]) == ("AdaptiveCard", "1.4", language)
    assert card["actions"][0]["title"] == more
    assert all(block["wrap"] for block in card["body"] if block["type"] == "TextBlock")


def test_code_is_posted_to_the_webhook_and_other_messages_are_mailed_to_its_owner(receiver: Receiver) -> None:
    webhook = make_webhook(receiver, state="pending")
    outbox.queue_message(webhook, Delivery.Letter.CODE)
    mailed = outbox.queue_message(webhook, Delivery.Letter.WEBHOOK)
    assert (mailed.channel, mailed.destination) == ("email", "example.dk")
    post_all()
    said = json.loads(receiver.posted[0].body)
    assert set(said) == {"meta", "page", "verification"}
    assert len(said["verification"]["code"]) == 9
    assert isinstance(datetime.fromisoformat(said["meta"]["generated_at"]), datetime)


def test_servers_that_do_not_answer_delay_no_other_webhook(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty of them, of sixty owners, with a host each: all wait for an answer while the others are posted."""
    monkeypatch.setattr(guard, "SECONDS", 3 * PATIENCE)  # no silent post ends before its server is closed
    silent = [socket.create_server(("127.0.0.1", 0)) for _ in range(60)]
    for number, listening in enumerate(silent):
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        make_webhook(receiver, address=url, owner=f"drift{number}@silent.example")
    for number in range(21):
        make_webhook(receiver, address=f"{receiver.url}{number}", owner=f"drift{number}@example.dk")
    announced()

    may_answer = Event()

    def answer_later(_posted: Posted) -> bytes:
        may_answer.wait(PATIENCE)
        return answer("200 OK")

    def close_once_the_others_are_posted() -> None:
        try:
            wait_for(lambda: len(select.select(silent, [], [], 0)[0]) == 60)  # all are connected
            may_answer.set()
            wait_for(lambda: len(receiver.posted) == 21)
        finally:
            may_answer.set()
            for listening in silent:
                listening.close()

    receiver.says = answer_later
    with ThreadPoolExecutor(1) as other:
        closing = other.submit(close_once_the_others_are_posted)
        post_all()
        closing.result()
    assert states() == {"sent": 21, "deferred": 60}
    assert "No answer in time." not in set(Attempt.objects.values_list("said", flat=True))
