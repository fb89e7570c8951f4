"""A day on which a mail server answers "busy": staff post three updates, and two workers die in the middle of it."""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

import time_machine
from django.utils import timezone

from harness.deliveries import deliver_due, let_time_pass, release_held
from harness.smtp_server import ScriptedServer, as_usual
from incidents import operations
from incidents.models import Announcement, Incident
from incidents.notifications.ledger import claims, holders
from incidents.operations import Statement
from incidents.staff.actors import command
from incidents.status import Impact, Phase
from incidents.text import Text

BUSY = "451 4.7.500 Server busy"
UPDATES = ("Vi ser på det.", "Fejlen er fundet.", "Microsoft har løst det.")


@dataclass(frozen=True)
class Day:
    newest: Announcement
    probes: int  # messages that the server was offered while it was busy
    messages: Counter[str]  # accepted, by recipient
    outdated: int  # accepted messages without the newest update


def simulate_busy_day(server: ScriptedServer, clock: time_machine.Traveller) -> Day:
    """For 24 hours every message is deferred after its final dot, as Microsoft did; then all are accepted."""
    server.says = lambda stage, _recipient: BUSY if stage == "DOT" else None
    incident: Incident | None = None
    for words in UPDATES:
        newest = announce(incident, words)
        incident = newest.update.incident
        deliver_due()
        if words != UPDATES[-1]:
            die_with_claims(newest)
        let_time_pass(clock, timedelta(hours=8))
    probes = server.count_attempts("DOT")
    server.says = as_usual
    let_time_pass(clock, timedelta(hours=4))
    outdated = sum(UPDATES[-1] not in message.text() for message in server.received)
    return Day(newest, probes, Counter(message.recipient for message in server.received), outdated)


def announce(incident: Incident | None, words: str) -> Announcement:
    """An update in Danish and English, released at once; it opens an incident where there is none."""
    statement = Statement(phase=Phase.IDENTIFIED, text=Text(da=words, en=words), notify=True)
    if incident is None:
        title = Text(da="Mail er forsinket", en="Mail is delayed")
        operations.open_incident(
            by=command("sample"), details={"title": title, "impact": Impact.MINOR}, statement=statement
        )
    else:
        operations.post_update(by=command("sample"), incident=incident, statement=statement)
    release_held()
    return Announcement.objects.latest("id")


def die_with_claims(announcement: Announcement) -> None:
    """A worker claims what it can, including the next probe if it is due, and never finishes."""
    claims.claim(holders.register(timezone.now()), announcement.pk, 500, timezone.now() + timedelta(minutes=7))
