"""The scheduler: it does what is due automatically, by calling verbs at intervals.

It runs in a process of its own and needs no queue: scheduled updates are published and
the public store is repaired while Valkey is down too. Several schedulers do no harm,
because each verb locks what it changes and checks again.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from threading import Thread

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import DatabaseError, close_old_connections, connection
from django.utils import timezone

from . import counters, log_context, operations, outages
from .chore_counts import run_counts
from .metrics.definitions import SCHEDULER_FAILURES, SCHEDULER_RUNS
from .models import IdempotentRequest, Incident, Reminder, Update
from .monitoring_alerts import handling
from .notifications import release
from .notifications.ledger import destinations, mx, recovery, retention, skipping
from .notifications.monitoring import health
from .publishing import stale
from .publishing.store import changes, republishing
from .sign_in import log_in_links, sessions, token_emails, trusted_devices
from .staff.actors import SCHEDULER
from .staff_alerts import raising, sending
from .subscriptions import budget, erasure, following, limits, requests, service

logger = logging.getLogger(__name__)

_started_at = timezone.now()


def publish_due_updates() -> None:
    """Publish scheduled updates that are due. One that is refused becomes a draft again; the others go on."""
    for update in Update.objects.due(timezone.now()):
        try:
            operations.publish_due(update=update)
        except ValidationError as refusal:
            logger.exception("Scheduled update %s was refused: %s", update.pk, refusal.messages)
            Update.objects.filter(pk=update.pk, published_at=None).update(publish_at=None)
        except DatabaseError:
            raise
        except Exception:
            logger.exception("Scheduled update %s could not be published", update.pk)


def change_due_maintenance() -> None:
    """Start and complete maintenance at its planned times, and show readers what was not reported."""
    for incident in Incident.objects.past_planned_time(timezone.now()):
        try:
            if operations.is_due_to_start(incident):
                operations.start_due_maintenance(incident=incident, by=SCHEDULER)
                incident.refresh_from_db()
            if operations.is_due_to_complete(incident):
                operations.complete_due_maintenance(incident=incident, by=SCHEDULER)
                incident.refresh_from_db()
        except DatabaseError:
            raise
        except Exception:
            logger.exception("Maintenance %s could not be changed at its planned time", incident.pk)
        if incident.overdue != incident.overdue_at(timezone.now()):
            operations.mark_overdue(incident=incident)


def make_due_maintenance() -> None:
    """Make the maintenance of series that is on the page from now on."""
    operations.make_due_maintenance(timezone.localdate())


def remind_of_maintenance() -> None:
    """Remind subscribers of maintenance that starts soon."""
    for incident in Reminder.objects.due(timezone.now()):
        try:
            operations.remind_of_maintenance(incident=incident, by=SCHEDULER)
        except DatabaseError:
            raise
        except Exception:
            logger.exception("Subscribers could not be reminded of maintenance %s", incident.pk)


def repair_store() -> None:
    """Publish what was committed but not written, because of a crash or a full disk."""
    changes.repair()


def begin_day() -> None:
    """Mark the page stale at midnight in its time zone: each bar of ninety days moves by one."""
    stale.mark_new_day()


def release_announcements() -> None:
    release.release_due(timezone.now())


def release_component_updates() -> None:
    release.release_component_updates(timezone.now())


def sweep_deliveries() -> None:
    recovery.sweep(timezone.now())
    skipping.skip_stopped()


def move_waiting_deliveries() -> None:
    """Postpone or free what waits for a destination, where the worker that had begun with it was stopped."""
    destinations.move_overlooked(timezone.now())


def process_requests() -> None:
    """Process subscription requests that no worker has taken, because the queue or its workers are down."""
    requests.process_overlooked(timezone.now())


def look_up_mail_servers() -> None:
    """Look MX groups up ahead of time, so that no message waits for DNS."""
    if settings.GROUP_BY_MX:
        mx.look_up(timezone.now())


def record_heartbeat() -> None:
    """Staff are warned when heartbeats stop."""
    health.record_heartbeat()
    health.record_heartbeat(health.SCHEDULER_START, _started_at)


def forget_sign_ups() -> None:
    """Delete unconfirmed sign-ups, follows of incidents that ended long ago, outdated limits and budgets."""
    requests.delete_failed(timezone.now())
    service.delete_unconfirmed(now=timezone.now())
    following.delete_ended(now=timezone.now())
    limits.prune(timezone.now())
    budget.prune(timezone.now())


def forget_outdated_forms() -> None:
    """Delete what recognises forms and requests of the API that are sent twice."""
    operations.forget_outdated_forms(timezone.now())
    IdempotentRequest.objects.outdated(timezone.now()).delete()


def forget_alerts() -> None:
    raising.delete_old_alerts(timezone.now())
    handling.delete_old_alerts(timezone.now())


def forget_sessions() -> None:
    """Delete expired sessions of staff, and devices that are remembered no longer."""
    sessions.forget_old(timezone.now())
    trusted_devices.delete_expired(timezone.now())
    log_in_links.delete_expired(timezone.now())


def notify_of_expiring_tokens() -> None:
    token_emails.notify_of_expiry(timezone.now())


def alert_staff() -> None:
    """Alert staff of what waits for a person."""
    raising.raise_alerts(timezone.now())
    sending.send_due_alerts(timezone.now())


def erase_departed() -> None:
    """A limited number at a time, so that no subscriber's lock is held for long."""
    erasure.erase_departed(timezone.now())


def erase_late_deliveries() -> None:
    erasure.erase_late_deliveries(timezone.now())


def forget_deliveries() -> None:
    """A limited number at a time, so that the scheduler can stop: a million in less than half an hour."""
    retention.apply_retention(now=timezone.now(), limit=50_000)


def store_run_counts() -> None:
    run_counts.store()


def combine_counters() -> None:
    """Keep reading the metrics fast."""
    counters.combine_many()


@dataclass
class Chore:
    """A function and how often it runs."""

    do: Callable[[], object]
    every: timedelta
    last: float = field(default=float("-inf"))
    fault: str = ""  # why it failed last time

    def is_due(self, now: float) -> bool:
        return now - self.last >= self.every.total_seconds()


def chores() -> list[Chore]:
    return [
        # Staff watch the hold run out, so the release must follow at once.
        Chore(release_announcements, timedelta(seconds=0.2)),
        Chore(release_component_updates, timedelta(seconds=0.2)),
        Chore(publish_due_updates, timedelta(seconds=1)),
        # After the updates that staff have scheduled themselves.
        Chore(change_due_maintenance, timedelta(seconds=1)),
        Chore(remind_of_maintenance, timedelta(seconds=1)),
        Chore(handling.handle_alerts, timedelta(seconds=1)),
        # Soon enough that staff see what follows once they have chosen a rule.
        Chore(make_due_maintenance, timedelta(seconds=5)),
        # Far more often than `health.STALE_AFTER`: a late heartbeat raises no alarm.
        Chore(record_heartbeat, timedelta(seconds=5)),
        Chore(store_run_counts, timedelta(seconds=5)),
        Chore(sweep_deliveries, timedelta(seconds=5)),
        # Midnight is in the page's time zone, which staff can change at any time.
        Chore(begin_day, timedelta(seconds=30)),
        Chore(combine_counters, timedelta(minutes=1)),
        # What is deleted after days need not go to the minute.
        Chore(forget_sign_ups, timedelta(hours=1)),
        Chore(forget_outdated_forms, timedelta(hours=1)),
        Chore(forget_alerts, timedelta(hours=1)),
        Chore(forget_sessions, timedelta(hours=1)),
    ]


def run_due(todo: list[Chore], now: float) -> None:
    """Run the chores that are due. A failure is logged, and the chore runs again at its next time."""
    for chore in [chore for chore in todo if chore.is_due(now)]:
        chore.last = now
        with log_context.in_job(f"{chore.do.__name__}-{log_context.new_id()}"):
            _run(chore)


def _run(chore: Chore) -> None:
    run_counts.add(SCHEDULER_RUNS, chore.do.__name__)
    try:
        chore.do()
    except Exception as error:
        # Catch everything: the other chores go on. The log's filter reduces the lines about an outage.
        name, outage = chore.do.__name__, outages.of(error)
        run_counts.add(SCHEDULER_FAILURES, name)
        chore.fault = outage or f"{name}, {type(error).__name__}"
        if outage or outages.may_log(chore.fault):
            logger.exception("%s failed", name)
    else:
        if chore.fault:
            outages.is_over(chore.fault)
            chore.fault = ""
    finally:
        close_old_connections()  # back into the pool: the next chore of this thread may be an hour away


def run(stopped: Callable[[], bool], pause: float = 0.1) -> None:
    """Run until `stopped` returns true. Chores that may take long have threads of their own."""

    def publish_archive() -> None:
        republishing.publish_archive(is_stopped=stopped, in_background=True)

    slow = (
        # Once, when an upgrade has restarted the other processes: they write pages of their own version.
        Chore(cache(republishing.begin_if_outdated), timedelta(seconds=30), last=time.monotonic()),
        Chore(publish_archive, timedelta(seconds=5)),  # a long history takes minutes
        Chore(changes.publish_following, timedelta(seconds=0.05)),  # a long history takes half a second
        Chore(repair_store, timedelta(seconds=5)),  # a disk can delay it
        Chore(look_up_mail_servers, timedelta(minutes=1)),  # a name server can
        Chore(move_waiting_deliveries, timedelta(seconds=10)),  # a million deliveries to one destination
        Chore(process_requests, timedelta(seconds=5)),  # a flood of requests; usually there is nothing to do
        Chore(erase_departed, timedelta(minutes=1)),  # many who left on the same day
        Chore(forget_deliveries, timedelta(minutes=1)),  # a million of the same day
        Chore(alert_staff, timedelta(seconds=10)),  # waits for the mail server and the chat
        Chore(notify_of_expiring_tokens, timedelta(hours=1)),  # waits for the mail server
        Chore(erase_late_deliveries, timedelta(hours=1)),  # reads all subscribers
    )
    threads = [Thread(target=_repeat_in_thread, args=(chore, stopped, pause), name=chore.do.__name__) for chore in slow]
    for thread in threads:
        thread.start()
    _repeat(chores(), stopped, pause)
    for thread in threads:
        thread.join()


def _repeat_in_thread(chore: Chore, stopped: Callable[[], bool], pause: float) -> None:
    try:
        _repeat([chore], stopped, pause)
    finally:
        connection.close()  # otherwise the pool would count it as used for ever


def _repeat(todo: list[Chore], stopped: Callable[[], bool], pause: float) -> None:
    while not stopped():
        run_due(todo, time.monotonic())
        time.sleep(min([pause, *(chore.every.total_seconds() for chore in todo)]))
