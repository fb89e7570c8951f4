"""What happens by itself. Each beat asks the database what is due and calls the verb for it.

The clock works in its own process and needs no queue: a scheduled update goes public
and the store is mended also while Valkey is down. Several clocks do no harm, because
every verb locks what it changes and looks again.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Thread

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import DatabaseError, close_old_connections, connection
from django.utils import timezone

from . import operations
from .models import Update
from .notifications import release
from .notifications.ledger import mx, recovery, retention, skipping
from .notifications.monitoring import health
from .publishing import stale
from .publishing.store import publisher
from .subscriptions import following, limits, requests, service

logger = logging.getLogger(__name__)


def publish_due_updates() -> None:
    """Scheduled updates whose time has come. One that is refused becomes a draft again; it stops no other."""
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


def mend_store() -> None:
    """What was committed and not written: a crash or a full disk in between."""
    publisher.mend()


def begin_day() -> None:
    """A new day in the page's zone moves every bar of ninety days by one."""
    stale.mark_new_day()


def release_announcements() -> None:
    release.release_due(timezone.now())


def sweep_deliveries() -> None:
    recovery.sweep(timezone.now())
    skipping.skip_stopped()


def process_requests() -> None:
    """Subscription requests that no worker took up: the queue is away, or its workers are."""
    requests.process_overlooked(timezone.now())


def look_up_mail_servers() -> None:
    """Ahead of the letters, so that none waits for DNS."""
    if settings.GROUP_BY_MX:
        mx.look_up(timezone.now())


def show_life() -> None:
    """Staff are told where the clock stands."""
    health.beat()


def forget_sign_ups() -> None:
    """Addresses that nobody confirmed, what was followed and is long over, and limits that are over."""
    requests.forget_failed(timezone.now())
    service.forget_unconfirmed(now=timezone.now())
    following.end_over(now=timezone.now())
    limits.prune(timezone.now())


def forget_deliveries() -> None:
    """Some at a time: nobody is to wait for it."""
    retention.forget_deliveries(timezone.now(), most=50_000)


@dataclass
class Chore:
    """Something to do every so often."""

    do: Callable[[], None]
    every: timedelta
    last: float = field(default=float("-inf"))

    def is_due(self, now: float) -> bool:
        return now - self.last >= self.every.total_seconds()


def chores() -> list[Chore]:
    return [
        Chore(release_announcements, timedelta(seconds=0.2)),
        Chore(publish_due_updates, timedelta(seconds=1)),
        Chore(show_life, timedelta(seconds=5)),
        Chore(sweep_deliveries, timedelta(seconds=5)),
        Chore(process_requests, timedelta(seconds=5)),
        Chore(begin_day, timedelta(seconds=30)),
        Chore(forget_sign_ups, timedelta(hours=1)),
        Chore(forget_deliveries, timedelta(hours=1)),
    ]


def beat(todo: list[Chore], now: float) -> None:
    """Does what is due. A chore that fails is logged and tried again at its next time; it stops no other."""
    for chore in [chore for chore in todo if chore.is_due(now)]:
        chore.last = now
        try:
            close_old_connections()
            chore.do()
        except DatabaseError:
            logger.exception("%s: the database did not answer", chore.do.__name__)
            connection.close()
        except Exception:
            logger.exception("%s failed", chore.do.__name__)


def run(stopped: Callable[[], bool], pause: float = 0.1) -> None:
    """Beats until `stopped` says so. What a long archive, a slow disk or a name server may hold up has threads."""
    slow = Chore(mend_store, timedelta(seconds=5)), Chore(look_up_mail_servers, timedelta(minutes=1))
    threads = [Thread(target=_repeat, args=([chore], stopped, pause), name=chore.do.__name__) for chore in slow]
    for thread in threads:
        thread.start()
    _repeat(chores(), stopped, pause)
    for thread in threads:
        thread.join()


def _repeat(todo: list[Chore], stopped: Callable[[], bool], pause: float) -> None:
    while not stopped():
        beat(todo, time.monotonic())
        time.sleep(pause)
