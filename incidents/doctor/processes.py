"""The scheduler, the workers and their jobs."""

from django.utils import timezone

from ..notifications import queues
from ..notifications.monitoring import health
from ..notifications.monitoring.queue_state import queue_states
from .base import CheckResult, fail, many, ok, span, warn


def scheduler_runs() -> CheckResult:
    now, beat = timezone.now(), health.last_heartbeat()
    found = f"last heartbeat {span(now - beat)} ago" if beat else "no heartbeat yet"
    if health.is_recent(beat, now):
        return ok(found)
    return fail(f"not running: {found}", "Start it: `systemctl start statuspage-scheduler`.")


def workers_run() -> CheckResult:
    now = timezone.now()
    if missing := health.queues_without_worker(now):
        unit = "statuspage-webhooks" if missing == [queues.POSTS] else "statuspage-worker"
        return fail(f"no worker for {', '.join(missing)}", f"Start one: `systemctl start {unit}`.")
    return ok(", ".join(f"{one.name}: {one.workers}" for one in queue_states(now)))


def jobs_succeed() -> CheckResult:
    states = queue_states(timezone.now())
    failed = {one.name: one.failed for one in states if one.failed}
    if failed:
        found = ", ".join(f"{number} of {name}" for name, number in failed.items())
        return warn(f"failed in the last day: {found}", "Look for ERROR in the log of the workers.")
    return ok(f"{many(sum(one.jobs for one in states), 'job')} waiting, none failed in the last day")
