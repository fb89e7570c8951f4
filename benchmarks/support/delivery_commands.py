"""Commands that create subscribers and announcements and deliver them. Each prints its result as one line of JSON.

`python -m benchmarks.support.delivery_commands COMMAND …` in the environment of a product (see `product.py`):

`fill N [DOMAINS]` creates N subscribers; `sign_ups N` stores N requests from the public form;
`announce [SECONDS]` posts an update with a hold of that length;
`expand` creates the deliveries of what is due; `deliver` sends until nothing is due; `notify N DOMAINS`
does all this; `wait_until_sent N` waits until N deliveries of the newest announcement were sent;
`write_message FILE` writes one message; `send_with_django N FILE` sends N of Django's own messages on one
connection; `busy_day` simulates the day of a busy mail server; `recover dead|alive`, `disconnect` and
`outcome` are for the benchmark `crashes`; `park N ROUNDS` moves the
deliveries of one failing destination.
"""

import json
import resource
import secrets
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import django
import time_machine
from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.db import connection, transaction
from django.db.models import CharField, Max, Min, Value
from django.db.models.functions import Concat, Lower
from django.utils import timezone

django.setup()

# Models can be imported only once Django is set up.
from benchmarks.support.history import DANISH, ENGLISH  # noqa: E402
from benchmarks.support.parking import fail_and_recover  # noqa: E402
from benchmarks.support.product import processor_time_of  # noqa: E402
from harness.busy_day import simulate_busy_day  # noqa: E402
from harness.smtp_server import ScriptedServer  # noqa: E402
from incidents import operations  # noqa: E402
from incidents.models import (  # noqa: E402
    Announcement,
    Delivery,
    Destination,
    Holder,
    Page,
    RateLimit,
    StaleSubject,
    Subscriber,
    SubscriptionRequest,
)
from incidents.notifications import release  # noqa: E402
from incidents.notifications.addressing import relay_name  # noqa: E402
from incidents.notifications.ledger import claims, holders, recovery  # noqa: E402
from incidents.notifications.messages import email  # noqa: E402
from incidents.notifications.sender import rq_worker  # noqa: E402
from incidents.notifications.sender.email_workers import MailWorker  # noqa: E402
from incidents.operations import Statement  # noqa: E402
from incidents.staff.actors import command  # noqa: E402
from incidents.status import Impact, Phase  # noqa: E402
from incidents.subscriptions import requests  # noqa: E402
from incidents.subscriptions.lifecycle import Choices  # noqa: E402
from incidents.text import Text  # noqa: E402

# Copies of one subscriber that was created by its model, so that every column has its default. As many
# mail domains as the customers of a company have.
_COPIES = """
INSERT INTO incidents_subscriber SELECT made.*
FROM incidents_subscriber AS first, generate_series(2, %s) AS n, (VALUES (%s)) AS given (domains),
LATERAL jsonb_populate_record(first, jsonb_build_object(
    'id', left(md5(n::text), 12),
    'address', 'reader' || n || '@host' || n %% domains || '.example',
    'canonical_address', 'reader' || n || '@host' || n %% domains || '.example',
    'language', CASE n %% 2 WHEN 0 THEN 'da' ELSE 'en' END
)) AS made
"""


def fill(number: str, domains: str = "300") -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE incidents_delivery, incidents_subscriber CASCADE")
        address, now = f"reader1@host{1 % int(domains)}.example", timezone.now()
        Subscriber.new(address, language="en", state="active", confirmed_at=now).save()
        cursor.execute(_COPIES, [int(number), int(domains)])
        cursor.execute("ANALYZE incidents_subscriber")
    Destination.objects.all().delete()
    Page.objects.get_or_create(defaults={"name": Text(da="Nordhost driftsstatus", en="Nordhost status")})
    return {"subscribers": Subscriber.objects.count()}


def sign_ups(number: str) -> dict[str, Any]:
    """Store that many requests from the public form, each of another address, instead of former ones."""
    SubscriptionRequest.objects.all().delete()
    Delivery.objects.filter(announcement=None).delete()
    Subscriber.objects.filter(state="pending").delete()
    RateLimit.objects.all().delete()
    addresses = [f"{secrets.token_hex(4)}@host{copy % 300}.example" for copy in range(int(number))]
    SubscriptionRequest.objects.bulk_create(requests.to_subscribe(address, Choices("da")) for address in addresses)
    requests.enqueue()
    return {"requests": len(addresses)}


def announce(seconds: str = "0") -> dict[str, Any]:
    """Post an update. The page counts as published: other benchmarks measure publishing."""
    text = Text(da=DANISH.format(name="Mail", number=1), en=ENGLISH.format(name="Mail", number=1))
    title = Text(da="Mail kan ikke leveres", en="Mail cannot be delivered")
    with transaction.atomic():
        operations.open_incident(
            by=command("benchmark"),
            details={"title": title, "impact": Impact.MAJOR},
            statement=Statement(phase=Phase.IDENTIFIED, text=text, notify=True),
        )
        release_at = timezone.now() + timedelta(seconds=float(seconds))
        Announcement.objects.filter(expanded_at=None).update(hold_until=release_at)
        StaleSubject.objects.all().delete()
    return {"announcement": Announcement.objects.latest("id").pk, "committed": time.time()}


def expand() -> dict[str, Any]:
    with timed() as seconds:
        release.release_due(timezone.now())
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_relation_size('incidents_delivery'), pg_indexes_size('incidents_delivery')")
        table, indexes = cursor.fetchone()
    return {"seconds": seconds(), "memory": memory(), "table": table, "indexes": indexes}


def deliver() -> dict[str, Any]:
    """Run one worker, preloaded as RQ's is. `before` is its memory when a fifth was sent, `after` its maximum."""
    rq_worker.preload()
    total = Delivery.objects.waiting().count()
    if total == 0:
        return {"sent": 0}
    memory_watch = MemoryWatch(total)
    begun, session = processor_time(), session_id()
    begun_in_database = processor_time_of(session)
    with timed() as seconds, memory_watch:
        while waiting := recovery.announcements_due(timezone.now()):
            for announcement in waiting:
                MailWorker(announcement, settings.LEDGER_BATCH).run()
    used = {"cpu": processor_time() - begun, "database": processor_time_of(session) - begun_in_database}
    sent = Delivery.objects.filter(state="sent").count()
    return {"sent": sent, "seconds": seconds(), **used, **memory_watch.found()}


def notify(number: str, domains: str) -> dict[str, Any]:
    """Everything in one process; `begun` is when the worker began, by time.monotonic."""
    fill(number, domains)
    announce()
    expand()
    begun = time.monotonic()
    relay = Destination.objects.filter(name=relay_name())
    return {**deliver(), "begun": begun, "relay_failures": relay.in_trouble().count(), **outcome()}


def park(number: str, rounds: str) -> dict[str, Any]:
    """Create the deliveries of one destination, and move them as when it fails and recovers."""
    fill(number, "1")
    announce()
    expand()
    return fail_and_recover(int(rounds))


def wait_until_sent(number: str) -> dict[str, Any]:
    """Wait until the newest announcement was sent to that many; return the seconds from its hold to the replies."""
    announcement = Announcement.objects.latest("id")
    rows = Delivery.objects.filter(announcement=announcement, state="sent")
    while rows.count() < int(number):
        time.sleep(0.2)
    found = rows.aggregate(first=Min("sent_at"), last=Max("sent_at"))
    waits = {name: (at - announcement.hold_until).total_seconds() for name, at in found.items()}
    return {"sent": rows.count(), "requests": SubscriptionRequest.objects.count(), **waits}


def write_message(file: str) -> dict[str, Any]:
    announcement = Announcement.objects.latest("id")
    with transaction.atomic():
        (row,) = claims.claim(holders.register(timezone.now()), announcement.pk, 1, timezone.now())
        transaction.set_rollback(True)
    return {"bytes": Path(file).write_bytes(email.render("update", "da", announcement).for_recipient(row))}


def send_with_django(number: str, file: str) -> dict[str, Any]:
    """Send an EmailMultiAlternatives to each subscriber, on one connection that stays open."""
    example = message_from_bytes(Path(file).read_bytes(), policy=policy.default)
    body, html = (example.get_body([kind]).get_content() for kind in ("plain", "html"))  # type: ignore[union-attr]
    headers = {name: str(example[name]) for name in ("List-Unsubscribe", "List-Unsubscribe-Post", "Auto-Submitted")}
    with timed() as seconds, get_connection() as smtp:
        for index in range(int(number)):
            to = [f"reader{index}@host.example"]
            message = EmailMultiAlternatives(example["Subject"], body, None, to, connection=smtp, headers=headers)
            message.attach_alternative(html, "text/html")
            message.send()
    return {"sent": int(number), "seconds": seconds()}


def busy_day() -> dict[str, Any]:
    """Simulate the day of a busy mail server for subscribers of one domain."""
    address = Concat(Value("reader"), "pk", Value("@busy.example"), output_field=CharField())
    Subscriber.objects.update(address=address, canonical_address=Lower(address))
    with ScriptedServer() as server, timed() as seconds:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        with time_machine.travel("2023-10-09T21:00:00+00:00", tick=False) as clock:
            seen = simulate_busy_day(server, clock)
    return {
        "once": sum(number == 1 for number in seen.messages.values()),
        "more": sum(number > 1 for number in seen.messages.values()),
        "outdated": seen.outdated,
        "suspended": Subscriber.objects.exclude(state="active").count(),
        "probes": seen.probes,
        "seconds": seconds(),
    }


def recover(workers: str) -> dict[str, Any]:
    """Let time pass: deferred and uncertain deliveries are due again, and what `dead` workers had claimed is free."""
    now = timezone.now()
    if workers == "dead":
        Holder.objects.all().delete()
    recovery.recover_abandoned(now)
    Destination.objects.in_trouble().update(retry_at=now)
    Delivery.objects.waiting().filter(next_attempt_at__gt=now).update(next_attempt_at=now)
    recovery.sweep(now)
    return {}


def disconnect() -> dict[str, Any]:
    """End every connection to PostgreSQL except this one, as on a restart."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        return {"ended": cursor.fetchone()[0]}


def outcome() -> dict[str, Any]:
    """Return how many deliveries are unfinished or failed, and which addresses may have a message twice."""
    uncertain = Delivery.objects.filter(times_uncertain__gt=0).values_list("subscriber__address", flat=True)
    return {
        "unfinished": Delivery.objects.exclude(state__in=["sent", "failed", "skipped"]).count(),
        "failed": Delivery.objects.filter(state="failed").count(),
        "uncertain": list(uncertain),
    }


def withdraw_at(number: str) -> dict[str, Any]:
    """Return the Message-IDs of what was sent and skipped, and how many deadlocks there were."""
    before = deadlocks()
    announcement = Announcement.objects.get(pk=announce()["announcement"])
    release.release_due(timezone.now())
    deliveries = Delivery.objects.filter(announcement=announcement)
    while deliveries.filter(state="sent").count() < int(number):
        time.sleep(0.01)
    with timed() as seconds:
        operations.withdraw(by=command("benchmark"), incident=announcement.update.incident)
    while deliveries.exclude(state__in=["sent", "skipped", "failed"]).exists():
        time.sleep(0.05)
    time.sleep(1.5)  # until the workers' statistics are written
    ended = {state: list(deliveries.filter(state=state).values_list("message_id", flat=True)) for state in ENDS}
    return {**ended, "seconds": seconds(), "deadlocks": deadlocks() - before}


ENDS = ("sent", "skipped")


def deadlocks() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


class MemoryWatch:
    """Samples the memory of this process while messages are sent."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.seen: list[float] = []
        self.over = threading.Event()
        self.watcher = threading.Thread(target=self.watch)

    def __enter__(self) -> None:
        self.watcher.start()

    def __exit__(self, *error: object) -> None:
        self.over.set()
        self.watcher.join()

    def watch(self) -> None:
        while not self.over.wait(0.1):
            self.seen.append(memory())

    def found(self) -> dict[str, float]:
        return {"before": max(self.seen[: len(self.seen) // 5 + 1], default=0), "after": max(self.seen, default=0)}


def processor_time() -> float:
    """Seconds of processor time that this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def session_id() -> int:
    """The process of this connection in PostgreSQL."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def memory() -> float:
    """Megabytes that this process has in memory."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize() / 1e6


@contextmanager
def timed() -> Iterator[Any]:
    begun, ended = time.monotonic(), 0.0
    yield lambda: ended - begun
    ended = time.monotonic()


COMMANDS = {
    command.__name__: command
    for command in (
        fill,
        sign_ups,
        announce,
        expand,
        deliver,
        notify,
        park,
        wait_until_sent,
        write_message,
        send_with_django,
        busy_day,
        recover,
        disconnect,
        outcome,
        withdraw_at,
    )
}

if __name__ == "__main__":
    print(json.dumps(COMMANDS[sys.argv[1]](*sys.argv[2:])))
