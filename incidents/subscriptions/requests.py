"""Requests from the public forms: stored by the web request, processed by a worker.

The web request runs the same statements for every address, so neither its response nor
its duration reveals who subscribes (STANDARDS P5). It checks the limits of the
requester; the verb that the worker calls checks those of the address.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from .. import counters
from ..metrics.definitions import SIGN_UPS
from ..models import Component, Incident, SubscriptionRequest
from ..notifications import queues
from ..notifications.monitoring import health
from . import following, limits, service, webhooks
from .lifecycle import Choices

logger = logging.getLogger(__name__)

Kind = SubscriptionRequest.Kind

# A worker processes a request within a second; after this the scheduler does.
OVERLOOKED_AFTER = timedelta(seconds=5)
# The same while a worker is running, which may be busy with announcements.
BUSY_AFTER = timedelta(seconds=30)
# Per run of the scheduler, to which running workers should leave nothing.
_MAX_AT_A_TIME = 20
# Per job, so that the messages of these requests are sent before the next ones are processed.
_BATCH = 100
# A request that still fails after this is deleted: until confirmation the address may be a stranger's.
KEPT = timedelta(days=1)


def to_subscribe(address: str, choices: Choices) -> SubscriptionRequest:
    return SubscriptionRequest(kind=Kind.SUBSCRIBE, address=address, details=_details(choices))


def to_follow(address: str, incident: Incident, language: str) -> SubscriptionRequest:
    details = {"incident": incident.pk, "language": language}
    return SubscriptionRequest(kind=Kind.FOLLOW, address=address, details=details)


def to_manage(address: str) -> SubscriptionRequest:
    return SubscriptionRequest(kind=Kind.MANAGE, address=address)


def to_connect(address: str, url: str, choices: Choices) -> SubscriptionRequest:
    return SubscriptionRequest(kind=Kind.WEBHOOK, address=address, details={"url": url, **_details(choices)})


def store(request: SubscriptionRequest, *, network: str = "", stamp: str = "") -> None:
    """Store a new request for the workers. Raises LimitReached beyond a limit of the requester, and stores nothing."""
    limits.take_request(network=network, stamp=stamp)  # in a transaction of its own: refusals are counted
    with transaction.atomic():
        request.save()
        if request.kind != Kind.MANAGE:
            counters.count(SIGN_UPS, "requested")
        transaction.on_commit(enqueue)


def process_due(now: datetime, maximum: int | None = None) -> int:
    """Process the due requests, oldest first, and return how many. Safe with several workers at once."""
    count = 0
    while count != maximum and _process_next(now):
        count += 1
    return count


def process_batch(now: datetime) -> None:
    """Process some of the due requests, and enqueue a job for the others.

    It ends early when an announcement waits for a worker, but processes at least one
    request: the worker that takes announcements may be another one.
    """
    for number in range(1, _BATCH + 1):
        if not _process_next(now):
            return
        if number == _BATCH or queues.is_waiting(queues.EMAILS):
            break
    enqueue()


def process_overlooked(now: datetime) -> int:
    """Process some of the requests that no worker processed in time.

    A worker that has many to process is given longer: the scheduler would only take the processor's time from an
    announcement that it has to release.
    """
    if not SubscriptionRequest.objects.due(now - OVERLOOKED_AFTER).exists():
        return 0
    patience = BUSY_AFTER if health.check_health(now).request_workers else OVERLOOKED_AFTER
    return process_due(now - patience, _MAX_AT_A_TIME)


def delete_failed(now: datetime) -> int:
    """Delete requests that have failed for a day; return how many."""
    count, _per_model = SubscriptionRequest.objects.filter(created_at__lt=now - KEPT).delete()
    if count:
        logger.error("%s subscription requests were given up; their errors are in the log of the last day.", count)
    return count


@transaction.atomic
def _process_next(now: datetime) -> bool:
    # Process one request. A failing request is deferred and does not block others.
    request = SubscriptionRequest.objects.due(now).select_for_update(skip_locked=True).first()
    if request is None:
        return False
    try:
        with transaction.atomic():
            _HANDLERS[request.kind](request.address, request.details)
    except limits.LimitReached as reached:  # of the messages to everybody: the visitor was told that we write
        limits.record_refusal(reached.limit)
        request.defer(now)
    except Exception:
        logger.exception("Subscription request %s failed and will be retried.", request.pk)
        request.defer(now)
    else:
        request.delete()
    return True


def _subscribe(address: str, details: dict[str, Any]) -> None:
    service.sign_up(address=address, choices=_choices(details))


def _follow(address: str, details: dict[str, Any]) -> None:
    # Ignore incidents that have ended or were withdrawn since the request.
    incident = Incident.objects.public().filter(pk=details["incident"]).first()
    if incident is not None and not incident.is_over:
        following.follow(address=address, incident=incident, language=details["language"])


def _manage(address: str, _details: dict[str, Any]) -> None:
    service.send_manage_link(address=address)


def _connect(address: str, details: dict[str, Any]) -> None:
    webhooks.sign_up(url=details["url"], address=address, choices=_choices(details))


_HANDLERS: dict[str, Callable[[str, dict[str, Any]], None]] = {
    Kind.SUBSCRIBE: _subscribe,
    Kind.FOLLOW: _follow,
    Kind.MANAGE: _manage,
    Kind.WEBHOOK: _connect,
}


def _details(choices: Choices) -> dict[str, Any]:
    return {
        "language": choices.language,
        "wants_incidents": choices.wants_incidents,
        "wants_maintenance": choices.wants_maintenance,
        "components": [component.pk for component in choices.components],
    }


def _choices(details: dict[str, Any]) -> Choices:
    # Return the requested choices without components that were deleted since.
    components = Component.objects.filter(pk__in=details["components"]).in_page_order()
    return Choices(
        details["language"], details["wants_incidents"], details["wants_maintenance"], components=tuple(components)
    )


def enqueue() -> None:
    """Enqueue a job, unless one is waiting: it will find every request."""
    if not queues.is_waiting(queues.REQUESTS):
        queues.enqueue(queues.REQUESTS, queues.PROCESS_REQUESTS)
