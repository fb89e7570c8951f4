"""`/metrics` in the text format of Prometheus; no personal data.

Requests need METRICS_TOKEN; without that setting the page does not exist.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime

from django.conf import settings
from django.db.models import Count, Min
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from incidents.models import Bounce, DeliveryState, StaleSubject
from incidents.notifications.ledger import counters
from incidents.notifications.monitoring.destinations import with_few_readers
from incidents.notifications.monitoring.overview import Overview, overview

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_FINAL_STATES = (DeliveryState.SENT, DeliveryState.FAILED, DeliveryState.SKIPPED)
_FEW_READERS = "mail domains with few readers"


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    if not settings.METRICS_TOKEN:
        raise Http404
    # The scheme is case-insensitive (RFC 9110 §11.1).
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not constant_time_compare(token.strip(" "), settings.METRICS_TOKEN):
        return HttpResponse(
            "Send the token: “Authorization: Bearer …”.\n", status=401, headers={"WWW-Authenticate": "Bearer"}
        )
    return HttpResponse("".join(_lines(timezone.now())), content_type=CONTENT_TYPE)


def _lines(now: datetime) -> Iterator[str]:
    found = overview(now)
    health = found.health
    states = {
        state.value: found.counts[state] + found.messages[state] + found.component_posts[state]
        for state in DeliveryState
    }
    explained = "Deliveries of current announcements, and single messages of the last 7 days, by state."
    yield _family("deliveries", explained, states, "state")
    yield from _counters()
    yield _single("sent_per_minute", "Messages sent in the last minute.", found.per_minute)
    yield _single("waiting_oldest_seconds", "Age of the oldest announcement with waiting deliveries.", _oldest(found))
    explained = "Deliveries that wait for a failing destination."
    yield _family("destination_waiting", explained, _waiting_by_destination(found), "destination")
    yield _single("queue_up", "1 if the queue answers, otherwise 0.", int(health.queue_answers))
    yield _single("queue_jobs", "Number of jobs waiting in the queue.", health.jobs_waiting)
    yield _single("queue_failed_jobs", "Number of jobs that failed in the last day.", health.jobs_failed)
    yield _single("workers", "Number of live email workers.", health.mail_workers)
    yield _single("message_workers", "Number of live workers for single messages.", health.message_workers)
    yield _single("posters", "Number of live webhook workers.", health.webhook_workers)
    if health.scheduler_at:
        age = (now - health.scheduler_at).total_seconds()
        yield _single("clock_beat_seconds", "Time since the scheduler's last heartbeat.", age)
    stale = StaleSubject.objects.aggregate(rows=Count("pk"), oldest=Min("since"))
    yield _single("unpublished", "Number of changes not yet published.", stale["rows"])
    age = (now - stale["oldest"]).total_seconds() if stale["oldest"] else 0
    yield _single("unpublished_oldest_seconds", "Age of the oldest change not yet published.", age)


def _counters() -> Iterator[str]:
    deliveries, bounces = counters.totals(counters.Subject.DELIVERY), counters.totals(counters.Subject.BOUNCE)
    ended = {state.value: deliveries[state] for state in _FINAL_STATES}
    yield _family("deliveries_ended_total", "Deliveries that reached a final state.", ended, "state", "counter")
    for name, state, explained in (
        ("deferrals_total", DeliveryState.DEFERRED, "Attempts that the receiving server deferred."),
        ("uncertain_total", DeliveryState.UNCERTAIN, "Attempts with an unknown result; each may lead to a duplicate."),
    ):
        yield f"{_head(name, explained, 'counter')}statuspage_{name} {_number(deliveries[state])}\n"
    consequences = {one.value: bounces[one] for one in Bounce.Consequence}
    explained = "Emails to bounce addresses, by consequence."
    yield _family("bounces_total", explained, consequences, "consequence", "counter")


def _waiting_by_destination(found: Overview) -> Counter[str]:
    # The domain of a few readers may name a person: such domains are counted together.
    waiting = Counter[str]()
    few = with_few_readers(row.destination.name for row in found.failing_destinations)
    for row in found.failing_destinations:
        waiting[_FEW_READERS if row.destination.name in few else row.destination.name] += row.waiting
    return waiting


def _oldest(found: Overview) -> float:
    since = [one.announcement.expanded_at for one in found.in_progress if one.announcement.expanded_at]
    return (found.at - min(since)).total_seconds() if since else 0


def _single(name: str, explained: str, value: float) -> str:
    return f"{_head(name, explained, 'gauge')}statuspage_{name} {_number(value)}\n"


def _family(name: str, explained: str, values: Mapping[str, float], label: str, kind: str = "gauge") -> str:
    rows = [f'statuspage_{name}{{{label}="{_escaped(key)}"}} {_number(value)}\n' for key, value in values.items()]
    return _head(name, explained, kind) + "".join(rows)


def _head(name: str, explained: str, kind: str) -> str:
    return f"# HELP statuspage_{name} {explained}\n# TYPE statuspage_{name} {kind}\n"


def _number(value: float) -> str:
    # All digits: six of them would hide the changes of a counter of millions.
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
