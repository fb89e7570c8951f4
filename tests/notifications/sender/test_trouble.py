"""What one bad server can hold up: itself, and nothing else."""

from datetime import timedelta
from itertools import count

import pytest
import time_machine
from django.utils import timezone
from pytest_django import Settings

from harness.deliveries import deliver_due, let_time_pass
from harness.smtp_server import DROP, ScriptedServer, as_usual
from incidents import operations
from incidents.models import Delivery, Destination, Subscriber
from incidents.notifications import outbox
from incidents.notifications.addressing import relay_name
from incidents.notifications.channels import email
from incidents.notifications.ledger import claims, destinations
from incidents.notifications.ledger.writer import ClaimedDelivery
from incidents.notifications.monitoring import overview
from incidents.notifications.sender import concurrency
from tests.actors import ANYBODY
from tests.factories import make_subscriber
from tests.notifications.helpers import START, announced, new_holder, states

pytestmark = pytest.mark.django_db

BUSY = "451 4.7.500 Server busy"
UNCLEAR = "450 mailbox unavailable"
TOO_MANY = "421 4.7.0 Too many connections"


def number_sent(host: str) -> int:
    return Delivery.objects.filter(state="sent", destination=host).count()


def addresses_in(rows: list[ClaimedDelivery]) -> list[str]:
    return [row.address for row in rows]


# -- mailboxes and their destination -----------------------------------------------------


@pytest.mark.parametrize("reply", [UNCLEAR, "552 5.2.2 Mailbox full", "452 4.2.2 Mailbox full"])
def test_one_mailbox_delays_none_of_its_neighbours_also_with_the_next_incident(
    server: ScriptedServer, clock: time_machine.Traveller, reply: str
) -> None:
    make_subscriber("full@big.example")
    for number in range(12):
        make_subscriber(f"reader{number}@big.example")
    server.says = lambda stage, to: reply if stage == "RCPT" and to.startswith("full@") else None
    for _incident in range(2):
        announcement = announced()
        deliver_due()
        assert states(announcement=announcement) == {"sent": 12, "deferred": 1}
        clock.shift(timedelta(hours=1))
    assert not Destination.objects.in_trouble().exists()
    assert Subscriber.objects.active().count() == 13


def test_several_mailboxes_in_a_row_mean_that_the_destination_is_failing(server: ScriptedServer) -> None:
    for number in range(12):
        make_subscriber(f"reader{number}@down.example")
        make_subscriber(f"reader{number}@fine.example")
    announced()
    server.says = lambda stage, to: UNCLEAR if stage == "RCPT" and to.endswith("down.example") else None
    deliver_due()
    assert server.count_attempts("RCPT", "down.example") == 5
    assert number_sent("fine.example") == 12
    assert Destination.objects.in_trouble().names() == ["down.example"]


def test_one_accepted_message_is_evidence_that_the_destination_works(
    server: ScriptedServer, settings: Settings
) -> None:
    settings.EMAIL_CONNECTIONS = 1  # so that the replies are in the order of the messages
    for number in range(15):
        make_subscriber(f"reader{number}@big.example")
    announced()
    numbers = count()
    server.says = lambda stage, _to: UNCLEAR if stage == "RCPT" and next(numbers) % 5 < 3 else None
    deliver_due()
    assert number_sent("big.example") == 6
    assert not Destination.objects.in_trouble().exists()


def failing(host: str, *, failures: int, last: Subscriber | None = None) -> None:
    now = timezone.now()
    known = {"failing_since": now - timedelta(hours=1), "retry_at": now, "postponed_until": now}
    last_deferred = last.pk if last else ""
    Destination.objects.create(name=host, failures=failures, last_deferred=last_deferred, **known)


def test_probe_is_the_newest_message_of_another_mailbox(clock: time_machine.Traveller) -> None:
    """So that the same old row cannot be the probe for ever, even if its announcement is older."""
    karl, kira = make_subscriber("karl@down.example"), make_subscriber("kira@down.example")
    announced()
    clock.shift(timedelta(minutes=1))
    newest = announced()
    Delivery.objects.update(attempts=1)
    failing("down.example", failures=2, last=Delivery.objects.latest("pk").subscriber)
    (probe,) = claims.claim(new_holder(), None, 10, timezone.now())
    assert probe.announcement_id == newest.pk
    assert probe.subscriber_id == Delivery.objects.earliest("pk").subscriber_id
    assert {karl.pk, kira.pk} == set(Delivery.objects.values_list("subscriber", flat=True))


def test_every_other_probe_is_a_message_that_was_not_tried_yet(clock: time_machine.Traveller) -> None:
    for name in ("old", "new"):
        make_subscriber(f"{name}@down.example")
    announced()
    tried = Delivery.objects.latest("pk")
    Delivery.objects.filter(pk=tried.pk).update(attempts=3)
    failing("down.example", failures=1)
    (probe,) = claims.claim(new_holder(), None, 10, timezone.now())
    assert probe.id != tried.pk
    Delivery.objects.update(holder=None, claimed_at=None)
    Destination.objects.update(failures=2, prober=None)
    (probe,) = claims.claim(new_holder(), None, 10, timezone.now())
    assert probe.id == tried.pk


def test_mailbox_that_was_deferred_last_is_the_probe_if_there_is_no_other(clock: time_machine.Traveller) -> None:
    karl = make_subscriber("karl@down.example")
    announced()
    failing("down.example", failures=1, last=karl)
    assert addresses_in(claims.claim(new_holder(), None, 10, timezone.now())) == ["karl@down.example"]
    assert claims.claim(new_holder(), None, 10, timezone.now()) == []  # it is being probed


def test_greylisting_delays_each_mailbox_once(server: ScriptedServer, clock: time_machine.Traveller) -> None:
    for number in range(8):
        make_subscriber(f"reader{number}@grey.example")
    announced()
    seen = set[str]()

    def greylist(stage: str, to: str) -> str | None:
        is_new = stage == "RCPT" and to not in seen
        seen.update([to] if is_new else [])
        return "450 4.2.0 Recipient address rejected: Greylisted" if is_new else None

    server.says = greylist
    deliver_due()
    assert states() == {"deferred": 8}
    clock.shift(timedelta(minutes=7))
    deliver_due()
    assert states() == {"sent": 8}


# -- the relay ---------------------------------------------------------------------------


def test_however_many_domains_defer_the_others_are_told_at_once(server: ScriptedServer) -> None:
    for number in range(30):
        make_subscriber(f"reader@busy{number}.example")
        make_subscriber(f"reader@fine{number}.example")
    announced()
    server.says = lambda stage, to: BUSY if stage == "RCPT" and "busy" in to else None
    deliver_due()
    assert states() == {"sent": 30, "deferred": 30}
    assert relay_name() not in Destination.objects.in_trouble().names()


def test_relay_gets_as_many_connections_as_it_takes(server: ScriptedServer, settings: Settings) -> None:
    settings.EMAIL_CONNECTIONS = 12
    server.max_open = 4
    for number in range(120):
        make_subscriber(f"reader{number}@host{number}.example")
    announced()
    deliver_due()
    assert states() == {"sent": 120}
    known = Destination.objects.get(name=relay_name())
    assert known.failing_since is None
    assert known.connections == 4
    assert len(server.received) == 120


def test_reply_that_asks_for_fewer_connections_halves_them_and_loses_nothing(
    server: ScriptedServer, settings: Settings, clock: time_machine.Traveller
) -> None:
    """Exchange Online says so at the final dot: 432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded."""
    settings.EMAIL_CONNECTIONS = 8
    for number in range(60):
        make_subscriber(f"reader{number}@host{number}.example")
    announced()
    replies = iter(["432 4.3.2 Concurrent connections limit exceeded"])
    server.says = lambda stage, _to: next(replies, None) if stage == "DOT" and len(server.received) == 20 else None
    deliver_due()
    let_time_pass(clock, timedelta(seconds=10))
    assert states() == {"sent": 60}
    assert len(server.received) == 60
    assert Destination.objects.get(name=relay_name()).connections == 4


def test_relay_that_refuses_its_only_connection_is_failing(server: ScriptedServer) -> None:
    make_subscriber()
    announced()
    server.says = lambda stage, _to: TOO_MANY if stage == "CONNECT" else None
    deliver_due()
    assert Destination.objects.in_trouble().names() == [relay_name()]
    assert states() == {"queued": 1}
    assert not Delivery.objects.filter(holder__isnull=False).exists()


def test_relay_that_gives_all_connections_to_another_worker_is_not_failing(server: ScriptedServer) -> None:
    make_subscriber("karl@example.dk")
    other = announced()
    claims.claim(new_holder(), other.pk, 1, timezone.now())
    Delivery.objects.update(state="sending", attempts=1)
    make_subscriber("kira@example.dk")
    announced()
    server.says = lambda stage, _to: TOO_MANY if stage == "CONNECT" else None
    deliver_due()
    assert not Destination.objects.in_trouble().exists()
    assert not Delivery.objects.filter(state="queued", holder__isnull=False).exists()


def test_relay_that_refuses_at_the_banner_for_five_days_fails_what_waits(
    server: ScriptedServer, clock: time_machine.Traveller
) -> None:
    for number in range(3):
        make_subscriber(f"reader{number}@example.dk")
    announced()
    server.says = lambda stage, _to: "421 4.3.2 Not now" if stage == "CONNECT" else None
    deliver_due()
    let_time_pass(clock, timedelta(days=4, hours=23))
    assert states() == {"queued": 3}
    let_time_pass(clock, timedelta(hours=5))
    assert states() == {"failed": 3}
    assert set(Delivery.objects.values_list("reply_code", "reply")) == {(421, "4.3.2 Not now")}


def test_paused_announcement_is_not_given_up(server: ScriptedServer, clock: time_machine.Traveller) -> None:
    make_subscriber("reader@example.dk")
    announcement = announced()
    operations.pause_announcement(by=ANYBODY, announcement=announcement)
    Destination.objects.create(name=relay_name(), failing_since=START, retry_at=START, failures=1)
    clock.shift(timedelta(days=6))
    destinations.give_up_exhausted(timezone.now())
    assert states() == {"queued": 1}


# -- the end of each delivery ------------------------------------------------------------


def test_retrying_failed_deliveries_begins_five_new_days(server: ScriptedServer, clock: time_machine.Traveller) -> None:
    make_subscriber("reader@busy.example")
    announcement = announced()
    server.says = lambda stage, _to: BUSY if stage == "RCPT" else None
    let_time_pass(clock, timedelta(days=5, hours=4))
    assert states() == {"failed": 1}
    assert operations.resend_failed(by=ANYBODY, announcement=announcement) == 1
    let_time_pass(clock, timedelta(days=4, hours=20))
    assert states() == {"deferred": 1}
    server.says = as_usual
    let_time_pass(clock, timedelta(hours=4))
    assert states() == {"sent": 1}


def test_deferred_delivery_that_staff_stop_says_so_and_keeps_the_last_reply(server: ScriptedServer) -> None:
    make_subscriber("reader@busy.example")
    announcement = announced()
    server.says = lambda stage, _to: BUSY if stage == "RCPT" else None
    deliver_due()
    operations.stop_announcement(by=ANYBODY, announcement=announcement)
    row = Delivery.objects.get()
    assert (row.state, row.skip_reason) == ("skipped", "cancelled")
    assert (row.reply_code, row.reply) == (451, "4.7.500 Server busy")


# -- parking and freeing -----------------------------------------------------------------


def test_waiting_deliveries_are_moved_in_batches(
    server: ScriptedServer, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(destinations, "BATCH", 4)
    for number in range(11):
        make_subscriber(f"reader{number}@busy.example")
    announced()
    server.says = lambda stage, _to: BUSY if stage == "RCPT" else None
    deliver_due()
    destinations.move_overlooked(timezone.now())
    known = Destination.objects.get(name="busy.example")
    assert known.retry_at is not None
    assert known.retry_at == known.postponed_until
    assert set(Delivery.objects.values_list("next_attempt_at", flat=True)) == {known.retry_at}
    server.says = as_usual
    clock.move_to(known.retry_at + timedelta(seconds=1))
    deliver_due()
    destinations.move_overlooked(timezone.now())
    deliver_due()
    assert states() == {"sent": 11}
    known.refresh_from_db()
    assert known.postponed_until is None


def test_moving_that_a_stopped_worker_left_is_completed(clock: time_machine.Traveller) -> None:
    make_subscriber("reader@busy.example")
    announced()
    retry_at = timezone.now() + timedelta(hours=1)
    Destination.objects.create(name="busy.example", failing_since=START, retry_at=retry_at, failures=1)
    destinations.move_overlooked(timezone.now())
    assert Delivery.objects.get().next_attempt_at == retry_at
    assert destinations.record_recovery("busy.example", timezone.now())
    assert Delivery.objects.get().next_attempt_at == retry_at
    destinations.move_overlooked(timezone.now())
    assert Delivery.objects.get().next_attempt_at == timezone.now()


def test_recovery_leaves_what_is_deferred_on_its_own_for_longer(clock: time_machine.Traveller) -> None:
    make_subscriber("full@busy.example")
    announced()
    later = timezone.now() + timedelta(hours=3)
    Delivery.objects.update(state="deferred", next_attempt_at=later)
    failing("busy.example", failures=1)
    destinations.record_recovery("busy.example", timezone.now())
    destinations.move_all_waiting("busy.example", timezone.now())
    assert Delivery.objects.get().next_attempt_at == later


def test_connection_that_is_refused_when_it_is_renewed_lowers_nothing_if_it_is_the_only_one(
    server: ScriptedServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EMAIL_CONNECTIONS = 1
    monkeypatch.setattr(email, "RECYCLE_AFTER", 2)
    for number in range(6):
        make_subscriber(f"reader{number}@example.dk")
    announced()
    server.says = lambda stage, _to: TOO_MANY if stage == "CONNECT" and server.connections == 3 else None
    deliver_due()
    assert states() == {"sent": 4, "queued": 2}
    known = Destination.objects.get(name=relay_name())
    assert (known.failing_since is not None, known.connections) == (True, None)


def test_refused_connection_that_was_to_probe_a_domain_closes_nothing(
    server: ScriptedServer, settings: Settings, clock: time_machine.Traveller
) -> None:
    settings.EMAIL_CONNECTIONS = 8
    server.max_open = 2
    for number in range(6):
        make_subscriber(f"reader@down{number}.example")
        make_subscriber(f"reader@fine{number}.example")
    announced()
    for number in range(6):
        failing(f"down{number}.example", failures=1)
    deliver_due()
    assert states() == {"sent": 12}
    assert not Destination.objects.in_trouble().exists()


@pytest.mark.parametrize(("stage", "reply"), [("RCPT", "421 4.7.0 Try again later"), ("DOT", DROP), ("RCPT", DROP)])
def test_one_domain_that_closes_connections_does_not_close_the_relay(
    server: ScriptedServer, stage: str, reply: str
) -> None:
    """Anybody can sign up with an address there: the first message of a job decides nothing about the relay."""
    newcomer = make_subscriber("new@evil.example", state="pending", confirmed_at=None)
    outbox.queue_message(newcomer, Delivery.Letter.CONFIRMATION)
    server.says = lambda at, _to: reply if at == stage else None
    deliver_due()
    assert states() != {"sent": 1}
    assert relay_name() not in Destination.objects.in_trouble().names()


def test_however_many_domains_close_connections_the_others_are_number_sent(server: ScriptedServer) -> None:
    for number in range(20):
        make_subscriber(f"a@busy{number}.example")
        make_subscriber(f"b@busy{number}.example")
        make_subscriber(f"reader@fine{number}.example")
    announced()
    reply = "421 4.7.0 Try again later"
    server.says = lambda stage, to: reply if stage == "RCPT" and "busy" in to else None
    deliver_due()
    assert states() == {"sent": 20, "deferred": 40}
    assert not Destination.objects.in_trouble().exists()


def test_relay_that_limits_the_rate_gets_everything_without_long_waits(
    server: ScriptedServer, settings: Settings, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(concurrency, "_SHORTEST_PAUSE", 0.001)
    settings.EMAIL_CONNECTIONS = 4
    for number in range(12):
        make_subscriber(f"reader{number}@host{number}.example")
    announced()
    replies = iter(["454 4.7.0 Throttling failure: Maximum sending rate exceeded."] * 40)
    server.says = lambda stage, _to: next(replies, None) if stage == "MAIL" else None
    deliver_due()
    assert "deferred" not in states()
    let_time_pass(clock, timedelta(minutes=5))
    assert states() == {"sent": 12}
    assert len(server.received) == 12


def test_worker_between_two_messages_counts_as_sending(server: ScriptedServer) -> None:
    make_subscriber("karl@example.dk")
    other = announced()
    claims.claim(new_holder(), other.pk, 1, timezone.now())
    make_subscriber("kira@example.dk")
    announced()
    server.says = lambda stage, _to: TOO_MANY if stage == "CONNECT" else None
    deliver_due()
    assert not Destination.objects.in_trouble().exists()


def test_probe_of_a_dead_job_that_has_no_delivery_any_more_is_returned(clock: time_machine.Traveller) -> None:
    make_subscriber("reader@down.example")
    announced()
    failing("down.example", failures=1)
    Destination.objects.update(prober=new_holder())
    let_time_pass(clock, timedelta(seconds=40))
    assert Destination.objects.get(name="down.example").prober is None


def test_relay_that_wants_a_login_at_each_recipient_is_reported_to_staff(server: ScriptedServer) -> None:
    for number in range(6):
        make_subscriber(f"reader@host{number}.example")
    announced()
    server.says = lambda stage, _to: "530 5.7.0 Authentication required" if stage == "RCPT" else None
    deliver_due()
    assert states() == {"deferred": 6}
    assert overview.rejected_by_policy(timezone.now()) == 6
