"""Whatever servers answer, workers do and clocks show: deliveries move as MOVES says, and every one ends.

`LEDGER_EXAMPLES=500 pytest tests/notifications/ledger/test_transitions.py` looks for longer.
"""

import json
import os
from collections import Counter
from collections.abc import Iterator
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

from harness.deliveries import let_time_pass, work_off
from harness.smtp_server import DROP, ScriptedServer
from incidents import operations
from incidents.models import MOVES, Announcement, Delivery, DeliveryState, Subscriber
from incidents.notifications.ledger import claims
from incidents.notifications.ledger.writer import WIRE_LEASE
from tests.factories import make_subscriber
from tests.notifications.helpers import START, announced, states

pytestmark = pytest.mark.django_db

EXAMPLES = int(os.environ.get("LEDGER_EXAMPLES", "6"))
HOSTS = ("a.example", "a.example", "b.example")
ENDS = {"sent", "failed", "skipped"}
# Refuses every move that the one table does not allow, whoever makes it and in whatever statement.
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

Answer = tuple[str, str]  # what the server says when it comes to this stage
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
    work work wait wait_a_day turn_the_clock_back die_with_claims die_on_the_wire resend pause resume announce leave
""".split()


@pytest.fixture
def watched() -> None:
    with connection.cursor() as cursor:
        cursor.execute(WATCH % json.dumps({state: sorted(targets) for state, targets in MOVES.items()}))


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


class Script:
    """Answers once as each line says, in their order, and then as a server does that works."""

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
            work_off(2)
        case "wait":
            clock.shift(timedelta(minutes=11))
        case "wait_a_day":
            clock.shift(timedelta(days=1))
        case "turn_the_clock_back":
            clock.shift(-timedelta(hours=1))
        case "die_with_claims":
            claims.claim(announcement.pk, 2, timezone.now())
        case "die_on_the_wire":
            rows = Delivery.objects.filter(pk__in=[row.id for row in claims.claim(announcement.pk, 1, timezone.now())])
            rows.update(state="sending", attempts=F("attempts") + 1, lease_until=timezone.now() + WIRE_LEASE)
        case "resend":
            operations.resend_failed(announcement=announcement)
        case "pause":
            operations.pause_announcement(announcement=announcement)
        case "resume":
            operations.resume_announcement(announcement=announcement)
        case "announce":
            announced(announcement.update.incident)
        case "leave":
            Subscriber.objects.filter(deliveries__announcement=announcement).update(state="unsubscribed")


def test_states_move_as_the_table_says_and_every_delivery_ends(
    server: ScriptedServer, clock: time_machine.Traveller, settings: Settings, watched: None
) -> None:
    settings.EMAIL_CONNECTIONS = 1  # so that the same script gives the same story
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
            assert told_once(server, script)
            transaction.set_rollback(True)

    check()


def told_once(server: ScriptedServer, script: Script) -> bool:
    """Whoever was sent to holds one letter for it, and more only of those that were lost on the wire."""
    taken = Counter(letter.recipient for letter in server.received) - script.lost
    return taken == Counter(Delivery.objects.filter(state="sent").values_list("subscriber__address", flat=True))


@pytest.mark.parametrize(("now", "then"), [("sent", "deferred"), ("skipped", "queued"), ("queued", "sent")])
def test_what_watches_the_moves_sees_one_that_is_not_in_the_table(watched: None, now: str, then: str) -> None:
    make_subscriber()
    announced()
    fields = {"sent_at": START, "skip_reason": "cancelled" if now == "skipped" else ""}
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE incidents_delivery DISABLE TRIGGER watch")
        Delivery.objects.update(state=now, **fields)
        cursor.execute("ALTER TABLE incidents_delivery ENABLE TRIGGER watch")
    with pytest.raises(DatabaseError, match=f"moved from {now} to {then}"), transaction.atomic():
        Delivery.objects.update(state=then, skip_reason="")


def test_a_delivery_can_leave_every_state_but_the_last_ones() -> None:
    assert {state for state, targets in MOVES.items() if not targets} == {"skipped"}
    assert MOVES[DeliveryState.SENT] == {"queued"}  # only if the owner of a webhook asks
    assert set(MOVES) == set(DeliveryState.values)
