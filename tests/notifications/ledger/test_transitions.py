"""Random sequences of replies, crashes and times: deliveries change state as ALLOWED_MOVES allows, and all of them end.

`LEDGER_EXAMPLES=500 pytest tests/notifications/ledger/test_transitions.py` tries more of them.
"""

import json
import os
from collections import Counter
from datetime import timedelta

import pytest
import time_machine
from django.db import DatabaseError, connection, transaction
from django.db.models import F
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st
from pytest_django import Settings

from harness.deliveries import deliver_due, let_time_pass
from harness.smtp_server import DROP, ScriptedServer
from incidents import operations
from incidents.models import ALLOWED_MOVES, Announcement, Delivery, DeliveryState, Subscriber
from incidents.notifications.ledger import claims
from tests.actors import ANYBODY
from tests.factories import make_subscriber
from tests.notifications.helpers import START, announced, new_holder, states

pytestmark = pytest.mark.django_db

EXAMPLES = int(os.environ.get("LEDGER_EXAMPLES", "6"))
HOSTS = ("a.example", "a.example", "b.example")
ENDS = {"sent", "failed", "skipped"}
# Rejects every change of state that ALLOWED_MOVES does not allow, in any statement.
WATCH = """
CREATE FUNCTION pg_temp.watch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NOT ('%s'::jsonb -> OLD.state) ? NEW.state THEN
        RAISE EXCEPTION 'A delivery moved from %% to %%', OLD.state, NEW.state;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER watch BEFORE UPDATE OF state ON incidents_delivery FOR EACH ROW
WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION pg_temp.watch()
"""

Answer = tuple[str, str]  # a stage, and the server's reply to it
STAGES = ["CONNECT", "MAIL", "RCPT", "DATA", "DOT"]
REPLIES = [
    "451 4.7.500 Server busy",
    "452 4.2.2 Mailbox full",
    "421 4.3.2 Going down",
    "550 5.1.1 No such user",
    "550 5.7.1 Policy",
    "250 2.0.0 Fine",
    DROP,
]
STEPS = """
    work work wait wait_a_day set_the_clock_back die_with_claims die_in_flight resend pause resume announce leave
""".split()


@pytest.fixture
def watched() -> None:
    with connection.cursor() as cursor:
        cursor.execute(WATCH % json.dumps({state: sorted(targets) for state, targets in ALLOWED_MOVES.items()}))


class Script:
    """Gives each scripted reply once, in order, and accepts everything afterwards."""

    def __init__(self, lines: list[Answer]) -> None:
        self.lines = lines
        self.lost: Counter[str] = Counter()

    def __call__(self, stage: str, recipient: str) -> str | None:
        if not self.lines or self.lines[0][0] != stage:
            return None
        _stage, reply = self.lines.pop(0)
        if (stage, reply) == ("DOT", DROP):
            self.lost[recipient] += 1
        return None if reply.startswith("250") else reply


def do(step: str, announcement: Announcement, clock: time_machine.Traveller) -> None:
    match step:
        case "work":
            deliver_due(2)
        case "wait":
            clock.shift(timedelta(minutes=11))
        case "wait_a_day":
            clock.shift(timedelta(days=1))
        case "set_the_clock_back":
            clock.shift(-timedelta(hours=1))
        case "die_with_claims":
            claims.claim(new_holder(), announcement.pk, 2, timezone.now())
        case "die_in_flight":
            rows = claims.claim(new_holder(), announcement.pk, 1, timezone.now())
            in_flight = Delivery.objects.filter(pk__in=[row.id for row in rows])
            in_flight.update(state="sending", attempts=F("attempts") + 1)
        case "resend":
            operations.resend_failed(by=ANYBODY, announcement=announcement)
        case "pause":
            operations.pause_announcement(by=ANYBODY, announcement=announcement)
        case "resume":
            operations.resume_announcement(by=ANYBODY, announcement=announcement)
        case "announce":
            announced(announcement.update.incident)
        case "leave":
            Subscriber.objects.filter(deliveries__announcement=announcement).update(state="unsubscribed")


def test_states_change_as_allowed_and_every_delivery_ends(
    server: ScriptedServer, clock: time_machine.Traveller, settings: Settings, watched: None
) -> None:
    settings.EMAIL_CONNECTIONS = 1  # so that the same script gives the same result
    for number, host in enumerate(HOSTS):
        make_subscriber(f"reader{number}@{host}")
    announcement = announced()

    @given(
        lines=st.lists(st.tuples(st.sampled_from(STAGES), st.sampled_from(REPLIES)), max_size=12),
        steps=st.lists(st.sampled_from(STEPS), min_size=1, max_size=8),
    )
    @hypothesis(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=EXAMPLES < 100,
        database=None,
        phases=[Phase.generate] if EXAMPLES < 100 else [Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    def check(lines: list[Answer], steps: list[str]) -> None:
        clock.move_to(START)
        server.says = script = Script(lines)
        server.received.clear()
        with transaction.atomic():
            for step in [*steps, "resume", "work"]:
                do(step, announcement, clock)
            let_time_pass(clock, timedelta(days=7))
            assert set(states()) <= ENDS
            assert is_sent_once(server, script)
            transaction.set_rollback(True)

    check()


def is_sent_once(server: ScriptedServer, script: Script) -> bool:
    """Whether each sent delivery arrived once, not counting messages whose connection was lost."""
    accepted = Counter(message.recipient for message in server.received) - script.lost
    return accepted == Counter(Delivery.objects.filter(state="sent").values_list("subscriber__address", flat=True))


@pytest.mark.parametrize(("now", "then"), [("sent", "deferred"), ("skipped", "queued"), ("queued", "sent")])
def test_trigger_of_this_test_rejects_forbidden_changes(watched: None, now: str, then: str) -> None:
    make_subscriber()
    announced()
    fields = {"sent_at": START, "skip_reason": "cancelled" if now == "skipped" else ""}
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE incidents_delivery DISABLE TRIGGER watch")
        Delivery.objects.update(state=now, **fields)
        cursor.execute("ALTER TABLE incidents_delivery ENABLE TRIGGER watch")
    with pytest.raises(DatabaseError, match=f"moved from {now} to {then}"), transaction.atomic():
        Delivery.objects.update(state=then, skip_reason="")


def test_only_skipped_deliveries_cannot_change_state() -> None:
    assert {state for state, targets in ALLOWED_MOVES.items() if not targets} == {"skipped"}
    assert ALLOWED_MOVES[DeliveryState.SENT] == {"queued"}  # only if the owner of a webhook asks
    assert set(ALLOWED_MOVES) == set(DeliveryState.values)
