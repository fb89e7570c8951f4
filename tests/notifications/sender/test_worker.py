from collections import Counter
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone
from pytest_django import Settings

from harness.busy_day import simulate_busy_day
from harness.deliveries import deliver_due, let_time_pass
from harness.smtp_server import DROP, ScriptedServer, as_usual
from incidents import operations
from incidents.admin import front_page
from incidents.links import unsign_bounce
from incidents.models import Announcement, Delivery, Destination, Subscriber, Update
from incidents.notifications import jobs, outbox
from incidents.notifications.addressing import relay_name
from incidents.notifications.ledger import claims, recovery
from incidents.notifications.ledger.writer import ClaimedDelivery
from incidents.notifications.messages import email
from incidents.notifications.sender import email_workers
from incidents.operations import notifying
from incidents.subscriptions import service
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import make_incident, make_statement, make_subscriber
from tests.notifications.helpers import announced, claimed, new_holder, states

pytestmark = pytest.mark.django_db

BUSY = "451 4.7.500 Server busy"


def test_each_subscriber_gets_one_message_in_their_language(server: ScriptedServer) -> None:
    for number in range(20):
        make_subscriber(f"da{number}@example.dk", language="da")
        make_subscriber(f"en{number}@example.com", language="en")
    announced(text=Text(da="Vi har fundet fejlen.", en="We have found the fault."))
    deliver_due()
    deliver_due()
    assert Counter(message.recipient for message in server.received) == Counter(
        Subscriber.objects.values_list("address", flat=True)
    )
    for message in server.received:
        words = "Vi har fundet fejlen." if message.recipient.startswith("da") else "We have found the fault."
        assert words in message.text()
        assert words in message.text("html")
    assert states() == {"sent": 40}


def test_bounces_of_each_message_go_to_its_own_signed_address(server: ScriptedServer, settings: Settings) -> None:
    settings.BOUNCE_ADDRESS = "bounces@status.example.dk"
    for number in range(3):
        make_subscriber(f"reader{number}@example.dk")
    announced()
    deliver_due()
    senders = {message.recipient: message.sender.partition("@") for message in server.received}
    assert {host for _name, _at, host in senders.values()} == {"status.example.dk"}
    tokens = {recipient: unsign_bounce(name.removeprefix("bounces+")) for recipient, (name, *_rest) in senders.items()}
    assert tokens == dict(Delivery.objects.values_list("subscriber__address", "pk"))


def test_connections_are_reused_and_limited(server: ScriptedServer) -> None:
    for number in range(60):
        make_subscriber(f"reader{number}@example.dk")
    announced()
    deliver_due()
    assert len(server.received) == 60
    assert server.connections <= 4


def test_server_without_pipelining_gets_one_command_at_a_time(server: ScriptedServer) -> None:
    server.extensions = ("8BITMIME",)
    make_subscriber("reader@example.dk")
    announced()
    deliver_due()
    assert states() == {"sent": 1}


@pytest.mark.parametrize(
    ("stage", "reply"),
    [
        *((stage, BUSY) for stage in ("CONNECT", "MAIL", "RCPT", "DATA", "DOT")),
        *(("RCPT", reply) for reply in ("421 4.3.2 Going down", "452 4.3.1 Out of space")),
        ("DOT", "421 4.3.2 Going down"),
    ],
)
def test_busy_server_is_retried_until_it_accepts_the_message(
    server: ScriptedServer, clock: time_machine.Traveller, stage: str, reply: str
) -> None:
    make_subscriber("reader@example.dk")
    announced()
    server.says = lambda at, _recipient: reply if at == stage else None
    deliver_due()
    clock.shift(timedelta(hours=8))
    deliver_due()
    assert server.received == []
    assert set(states()) <= {"queued", "deferred"}
    server.says = as_usual
    let_time_pass(clock, timedelta(hours=4))
    assert states() == {"sent": 1}
    assert len(server.received) == 1
    assert Subscriber.objects.active().count() == 1


def test_day_of_server_busy_loses_no_message(server: ScriptedServer, clock: time_machine.Traveller) -> None:
    """With 10,000 subscribers: `python -m benchmarks busy_day`."""
    for number in range(60):
        make_subscriber(f"reader{number}@busy.example", language="da" if number % 2 else "en")
    seen = simulate_busy_day(server, clock)
    assert seen.probes <= 14
    assert seen.messages == dict.fromkeys(Subscriber.objects.values_list("address", flat=True), 1)
    assert seen.outdated == 0
    assert states(announcement=seen.newest) == {"sent": 60}
    assert states(announcement__lt=seen.newest) == {"skipped": 120}
    assert Subscriber.objects.active().count() == 60


def test_backoff_increases_while_a_destination_is_failing(
    server: ScriptedServer, clock: time_machine.Traveller
) -> None:
    make_subscriber("reader@busy.example")
    announced()
    server.says = lambda stage, _recipient: BUSY if stage == "RCPT" else None
    deliver_due()
    pauses = []
    for _try in range(4):
        failing = Destination.objects.get(name="busy.example")
        assert failing.retry_at is not None
        pauses.append(failing.retry_at - timezone.now())
        clock.move_to(failing.retry_at)
        deliver_due()
    assert pauses == sorted(pauses)
    assert timedelta(minutes=4) <= pauses[0] <= timedelta(minutes=6)
    assert server.count_attempts("RCPT") == 5


def test_failing_destination_gets_one_message_and_others_full_speed(server: ScriptedServer) -> None:
    for number in range(30):
        make_subscriber(f"reader{number}@busy.example")
        make_subscriber(f"reader{number}@fine.example")
    announced()
    server.says = lambda stage, recipient: BUSY if stage == "DOT" and "busy" in recipient else None
    deliver_due()
    assert server.count_attempts("DOT", "busy.example") == 1
    assert server.count_attempts("DOT", "fine.example") == 30
    assert states(destination="fine.example") == {"sent": 30}


def test_messages_beyond_the_rate_of_their_destination_are_sent_last(
    server: ScriptedServer, settings: Settings
) -> None:
    settings.DESTINATION_RATE = 2
    for name, number in (("slow.example", 3), ("b.example", 1), ("c.example", 1), ("d.example", 1)):
        for reader in range(number):
            make_subscriber(f"reader{reader}@{name}")
    announced()
    deliver_due(batch=2)
    domains = [message.recipient.partition("@")[2] for message in server.received]
    assert domains[-2:] == ["slow.example"] * 2
    assert states() == {"sent": 6}


def test_recovered_destination_gets_everything_at_once(server: ScriptedServer, clock: time_machine.Traveller) -> None:
    for number in range(30):
        make_subscriber(f"reader{number}@busy.example")
    announced()
    server.says = lambda stage, _recipient: BUSY if stage == "DOT" else None
    deliver_due()
    server.says = as_usual
    clock.shift(timedelta(minutes=7))
    deliver_due()
    assert states() == {"sent": 30}
    assert not Destination.objects.in_trouble().exists()


def test_server_that_accepts_data_without_recipient_delivers_no_empty_message(server: ScriptedServer) -> None:
    server.accepts_data_without_recipient = True
    make_subscriber("gone@example.dk")
    make_subscriber("reader@example.dk")
    announced()
    server.says = lambda stage, to: "550 5.1.1 Gone" if stage == "RCPT" and to.startswith("gone") else None
    deliver_due()
    assert states() == {"failed": 1, "sent": 1}
    assert [message.recipient for message in server.received] == ["reader@example.dk"]


@pytest.mark.parametrize(
    "reply", ["452 4.2.2 Mailbox full", "552 5.2.2 Mailbox full", "552 Exceeded storage allocation"]
)
def test_full_mailbox_delays_no_other_message(server: ScriptedServer, reply: str) -> None:
    make_subscriber("full@example.dk")
    make_subscriber("reader@example.dk")
    announced()
    server.says = lambda stage, to: reply if stage == "RCPT" and to.startswith("full") else None
    deliver_due()
    assert states() == {"deferred": 1, "sent": 1}
    assert not Destination.objects.in_trouble().exists()


@pytest.mark.parametrize("reply", ["550 5.1.1 No such user", "550 5.1.10 No such recipient"])
def test_address_that_does_not_exist_is_suspended(server: ScriptedServer, reply: str) -> None:
    gone, other = make_subscriber("gone@example.dk"), make_subscriber("reader@example.dk")
    incident = announced().update.incident
    server.says = lambda stage, to: reply if stage == "RCPT" and to.startswith("gone") else None
    deliver_due()
    gone.refresh_from_db()
    assert (gone.state, gone.suspended_because) == ("suspended", reply)
    assert states(subscriber=other) == {"sent": 1}
    announced(incident)
    deliver_due()
    assert states(subscriber=gone) == {"failed": 1, "skipped": 1}


@pytest.mark.parametrize("reply", ["550 5.7.1 Rejected by policy", "550 5.7.515 DMARC", "554 No", "550 5.2.1 Off"])
def test_rejection_that_is_not_about_the_address_suspends_nobody(
    server: ScriptedServer, reply: str, caplog: pytest.LogCaptureFixture
) -> None:
    reader = make_subscriber("reader@example.dk")
    announced()
    server.says = lambda stage, _to: reply if stage == "DOT" else None
    deliver_due()
    reader.refresh_from_db()
    assert reader.state == "active"
    assert states() == {"failed": 1}
    assert Delivery.objects.get().reply == reply[4:]
    assert ("rejects messages by policy" in caplog.text) == ("5.7" in reply)


def test_stored_replies_contain_no_address(server: ScriptedServer) -> None:
    reader = make_subscriber("karen@busy.example")
    announced()
    server.says = lambda stage, to: f"451 4.7.500 {to} is busy" if stage == "RCPT" else None
    deliver_due()
    server.says = lambda stage, to: f"550 5.1.1 <{to}>: no karen here" if stage == "RCPT" else None
    kept = {Delivery.objects.get().reply, Destination.objects.get().reply}
    Destination.objects.update(retry_at=timezone.now())
    Delivery.objects.update(next_attempt_at=timezone.now())
    deliver_due()
    reader.refresh_from_db()
    kept |= {Delivery.objects.get().reply, reader.suspended_because.removeprefix("550 ")}
    assert kept == {"4.7.500 k…@busy.example is busy", "4.7.500 … is busy", "5.1.1 <k…@busy.example>: no k… here"}


def test_reply_is_discarded_if_the_subscriber_was_erased_during_the_attempt(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = make_subscriber("karen@example.dk")
    announced()
    email_for = email_workers.MailWorker.email_for

    def erase_and_write(self: email_workers.MailWorker, row: ClaimedDelivery) -> bytes:
        self.commits.thread.submit(lambda: service.erase(subscriber=reader)).result()
        return email_for(self, row)

    monkeypatch.setattr(email_workers.MailWorker, "email_for", erase_and_write)
    server.says = lambda stage, _to: "550 5.7.1 No" if stage == "RCPT" else None
    deliver_due()
    row = Delivery.objects.get()
    assert (row.state, row.reply_code, row.reply) == ("failed", 550, "")


@pytest.mark.parametrize(
    "reply",
    [
        "530 5.7.0 Authentication required",
        "550 5.7.60 You may not send as this sender",
        "550 5.1.8 Access denied, bad outbound sender",
        "501 Syntax error",
    ],
)
def test_relay_that_rejects_the_sender_fails_no_delivery(server: ScriptedServer, reply: str) -> None:
    for number in range(5):
        make_subscriber(f"reader{number}@example.dk")
    announced()
    server.says = lambda stage, _to: reply if stage == "MAIL" else None
    deliver_due()
    assert Delivery.objects.waiting().count() == 5
    assert Destination.objects.in_trouble().get().name == relay_name()


def test_message_lost_after_the_final_dot_is_resent_unchanged(
    server: ScriptedServer, clock: time_machine.Traveller
) -> None:
    make_subscriber("reader@example.dk")
    announced()
    server.says = lambda stage, _to: DROP if stage == "DOT" else None
    deliver_due()
    assert states() == {"uncertain": 1}
    server.says = as_usual
    let_time_pass(clock, timedelta(minutes=45))
    assert states() == {"sent": 1}
    first, second = (message.message for message in server.to("reader@example.dk"))
    assert (first["Message-ID"], first["Date"]) == (second["Message-ID"], second["Date"])


def test_message_lost_twice_fails(server: ScriptedServer, clock: time_machine.Traveller) -> None:
    make_subscriber("reader@example.dk")
    announced()
    server.says = lambda stage, _to: DROP if stage == "DOT" else None
    deliver_due()
    let_time_pass(clock, timedelta(hours=6))
    assert states() == {"failed": 1}
    assert len(server.received) == 2


def test_lost_message_is_not_resent_if_the_operator_forbids_it(server: ScriptedServer, settings: Settings) -> None:
    settings.RESEND_UNCERTAIN = False
    make_subscriber("reader@example.dk")
    announced()
    server.says = lambda stage, _to: DROP if stage == "DOT" else None
    deliver_due()
    assert states() == {"failed": 1}


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA"])
def test_connection_lost_before_the_content_loses_no_message(
    server: ScriptedServer, clock: time_machine.Traveller, stage: str
) -> None:
    for number in range(30):
        make_subscriber(f"reader{number}@example.dk")
    announced()
    drops = iter([None] * 10 + [DROP] * 3)
    server.says = lambda at, _to: next(drops, None) if at == stage else None
    deliver_due()
    let_time_pass(clock, timedelta(minutes=10))
    assert states() == {"sent": 30}
    assert len(server.received) == 30


def test_unsubscribed_reader_gets_no_further_mail(server: ScriptedServer) -> None:
    reader = make_subscriber("reader@example.dk")
    announcement = announced()
    Subscriber.objects.filter(pk=reader.pk).update(state="unsubscribed")
    jobs.deliver(announcement.pk, 10)
    assert Delivery.objects.get().skip_reason == "unsubscribed"
    assert server.received == []


def test_newer_update_supersedes_waiting_deliveries(server: ScriptedServer) -> None:
    make_subscriber("reader@example.dk")
    first = announced(text=Text(da="Første melding", en="First message"))
    announced(first.update.incident, text=Text(da="Anden melding", en="Second message"))
    deliver_due()
    assert states(announcement=first, skip_reason="superseded") == {"skipped": 1}
    (message,) = server.received
    assert message.text().index("Anden melding") < message.text().index("Første melding")


def test_claim_of_a_dead_worker_is_sent_within_half_a_minute(
    server: ScriptedServer, clock: time_machine.Traveller
) -> None:
    make_subscriber("reader@example.dk")
    announcement = announced()
    assert len(claims.claim(new_holder(), announcement.pk, 10, timezone.now())) == 1
    deliver_due()
    assert server.received == []
    let_time_pass(clock, timedelta(seconds=30))
    assert states() == {"sent": 1}


def test_delivery_in_flight_of_a_dead_worker_is_uncertain_and_resent(
    server: ScriptedServer, clock: time_machine.Traveller
) -> None:
    make_subscriber("reader@example.dk")
    announced()
    Delivery.objects.update(state="sending", **claimed())
    deliver_due()
    assert states() == {"sending": 1}
    for _ in range(2):
        clock.shift(timedelta(seconds=15))
        recovery.recover_abandoned(timezone.now())
    assert states() == {"uncertain": 1}
    deliver_due()
    assert states() == {"sent": 1}


def test_invalid_address_fails_alone(server: ScriptedServer) -> None:
    invalid = make_subscriber("poison@example.dk")
    make_subscriber("reader@example.dk")
    announced()
    Subscriber.objects.filter(pk=invalid.pk).update(address="poison\r\nBcc: all@example.dk")
    deliver_due()
    assert states() == {"failed": 1, "sent": 1}
    assert [message.recipient for message in server.received] == ["reader@example.dk"]


def test_message_that_cannot_be_rendered_fails_alone_with_the_reason(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_subscriber("dansk@example.dk", language="da")
    make_subscriber("english@example.dk", language="en")
    announced()

    def render_english(kind: str, language: str, announcement: Announcement | None, zone: str) -> email.RenderedEmail:
        if language == "da":
            raise KeyError("no such thing")
        return email.render(kind, language, announcement, zone)

    monkeypatch.setattr(email_workers, "render", render_english)
    deliver_due()
    assert [message.recipient for message in server.received] == ["english@example.dk"]
    failed = Delivery.objects.get(state="failed")
    assert failed.subscriber.address == "dansk@example.dk"
    assert failed.reply == "The message cannot be rendered: KeyError('no such thing')"
    assert ("failed", 1) in [(state, count) for state, _label, count in front_page.deliveries_in_trouble()]


def test_non_ascii_address_is_sent_if_the_server_supports_it(server: ScriptedServer) -> None:
    make_subscriber("søren@blåbær.example")
    announced()
    deliver_due()
    assert [message.recipient for message in server.received] == ["søren@xn--blbr-roah.example"]


def test_non_ascii_address_fails_alone_if_the_server_does_not_support_it(server: ScriptedServer) -> None:
    server.extensions = ("PIPELINING",)
    make_subscriber("søren@example.dk")
    make_subscriber("reader@example.dk")
    announced()
    deliver_due()
    assert states() == {"failed": 1, "sent": 1}


def test_delivery_fails_after_five_days(server: ScriptedServer, clock: time_machine.Traveller) -> None:
    for number in range(3):
        make_subscriber(f"reader{number}@busy.example")
    announced()
    server.says = lambda stage, _to: BUSY if stage == "RCPT" else None
    deliver_due()
    clock.shift(timedelta(days=4, hours=20))
    deliver_due()
    assert "failed" not in states()
    let_time_pass(clock, timedelta(hours=8))
    assert states() == {"failed": 3}
    assert set(Delivery.objects.values_list("reply_code", flat=True)) == {451}


def test_paused_announcement_is_not_sent_until_it_is_resumed(server: ScriptedServer) -> None:
    make_subscriber("reader@example.dk")
    announcement = announced()
    operations.pause_announcement(by=ANYBODY, announcement=announcement)
    deliver_due()
    assert server.received == []
    operations.resume_announcement(by=ANYBODY, announcement=announcement)
    deliver_due()
    assert len(server.received) == 1


def test_stopped_announcement_is_not_sent(server: ScriptedServer) -> None:
    make_subscriber("reader@example.dk")
    assert operations.stop_announcement(by=ANYBODY, announcement=announced()) == 1
    deliver_due()
    assert states(skip_reason="cancelled") == {"skipped": 1}
    assert server.received == []


def test_only_failed_deliveries_are_retried_on_demand(server: ScriptedServer) -> None:
    make_subscriber("reader@example.dk")
    make_subscriber("refused@example.dk")
    announcement = announced()
    server.says = lambda stage, to: "550 5.7.1 No" if stage == "RCPT" and to.startswith("refused") else None
    deliver_due()
    server.says = as_usual
    assert operations.resend_failed(by=ANYBODY, announcement=announcement) == 1
    deliver_due()
    assert sorted(message.recipient for message in server.received) == ["reader@example.dk", "refused@example.dk"]


def test_single_messages_are_sent_without_an_announcement(server: ScriptedServer) -> None:
    newcomer = make_subscriber("new@example.dk", state="pending", confirmed_at=None)
    outbox.queue_message(newcomer, Delivery.Letter.CONFIRMATION)
    jobs.send_messages()
    (message,) = server.received
    assert "/da/subscription/confirm/" in message.text()


def test_update_that_is_no_longer_public_is_not_sent(server: ScriptedServer) -> None:
    make_subscriber("reader@example.dk")
    update = announced().update
    Update.objects.filter(pk=update.pk).update(published_at=None)
    deliver_due()
    assert server.received == []
    assert states(skip_reason="withdrawn") == {"skipped": 1}


def test_withdrawn_incident_is_not_sent(server: ScriptedServer) -> None:
    make_subscriber("reader@example.dk")
    incident = make_incident(statement=make_statement(notify=True))
    announced(incident)
    notifying.withdraw_announcements_of(incident)
    deliver_due()
    assert server.received == []
    assert states() == {"skipped": 2}
