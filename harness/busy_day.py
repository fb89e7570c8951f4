"""The day this product was born from: a server answers “busy”, staff post three updates, and two workers are killed."""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

import time_machine
from django.utils import timezone

from incidents.models import Announcement, Incident
from incidents.notifications import claims
from incidents.text import Text
from tests.notifications.helpers import announced, let_time_pass, work_off

from .smtp_server import ScriptedServer, as_usual

BUSY = "451 4.7.500 Server busy"
WORDS = ("Vi ser på det.", "Fejlen er fundet.", "Microsoft har løst det.")


@dataclass(frozen=True)
class Day:
    newest: Announcement
    probes: int  # letters that the server was offered while it was busy
    letters: Counter[str]  # taken, by recipient
    told_the_newest: bool


def busy_day(server: ScriptedServer, clock: time_machine.Traveller) -> Day:
    """Every letter is put off for 24 hours, at the end of its content, as Microsoft did; then all are taken."""
    server.says = lambda stage, _to: BUSY if stage == "DOT" else None
    incident: Incident | None = None
    for words in WORDS:
        newest = announced(incident, text=Text(da=words, en=words))
        incident = newest.update.incident
        work_off()
        if words != WORDS[-1]:
            die_with_claims(newest)
        let_time_pass(clock, timedelta(hours=8))
    probes = server.tries_of("DOT")
    server.says = as_usual
    let_time_pass(clock, timedelta(hours=4))
    letters = Counter(letter.recipient for letter in server.taken)
    return Day(newest, probes, letters, all(WORDS[-1] in letter.text() for letter in server.taken))


def die_with_claims(announcement: Announcement) -> None:
    """A worker takes what it can, also the next probe if it has come, and is not heard of again."""
    claims.claim(announcement.pk, 500, timezone.now() + timedelta(minutes=7))
