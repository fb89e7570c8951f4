"""All metrics, each defined once: `/metrics`, docs/metrics.md and the tests of `deploy/prometheus/` follow this list.

Labels have few values, and none that could name a person.
"""

from dataclasses import dataclass

PREFIX = "statuspage_"

COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"
# Seconds. A published page takes less than one millisecond, a form may wait for ten seconds.
_REQUEST_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_PUBLISH_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


@dataclass(frozen=True)
class Metric:
    """`name` is without the prefix; `buckets` are the upper bounds of a histogram."""

    name: str
    kind: str
    description: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def full_name(self) -> str:
        return PREFIX + self.name


def _counter(name: str, description: str, *labels: str) -> Metric:
    return Metric(name, COUNTER, description, labels)


def _gauge(name: str, description: str, *labels: str) -> Metric:
    return Metric(name, GAUGE, description, labels)


def _histogram(name: str, description: str, buckets: tuple[float, ...], *labels: str) -> Metric:
    return Metric(name, HISTOGRAM, description, labels, buckets)


# The web server's process knows these; it answers with them whatever else is down.
BUILD_INFO = _gauge("build_info", "Always 1; the labels name the running versions.", "version", "python")
WEB_START = _gauge("web_start_time_seconds", "When the web server's process started, in seconds since 1970.")
PAGES_UP = _gauge("pages_up", "1 if the home page can be served in each language, otherwise 0.")
APPLICATION_UP = _gauge(
    "application_up",
    "1 if Django's process answered this request in time, otherwise 0. If it is 0, the metrics "
    "of the other processes are missing.",
)
HTTP_REQUESTS = _counter(
    "http_requests_total",
    "Requests since the web server's process started, by class (page, feed, published_api, asset, api, admin, dynamic, "
    "probe) and status class (2xx, 3xx, 4xx, 5xx).",
    "class",
    "status",
)
HTTP_DURATION = _histogram(
    "http_request_duration_seconds",
    "Time from the arrival of a request to its complete response, by class.",
    _REQUEST_BUCKETS,
    "class",
)
OF_WEB_SERVER = (BUILD_INFO, WEB_START, PAGES_UP, APPLICATION_UP, HTTP_REQUESTS, HTTP_DURATION)

APPLICATION_START = _gauge("application_start_time_seconds", "When Django's process started, in seconds since 1970.")
DATABASE_UP = _gauge("database_up", "1 if PostgreSQL answered in time, otherwise 0.")
QUEUE_UP = _gauge("queue_up", "1 if Valkey answered in time, otherwise 0.")
OF_APPLICATION = (APPLICATION_START, DATABASE_UP, QUEUE_UP)

# From PostgreSQL; missing while it does not answer.
PUBLISH_DURATION = _histogram(
    "publish_duration_seconds", "Time from a change to its publication in the public store.", _PUBLISH_BUCKETS
)
PUBLISH_ERRORS = _counter(
    "publish_errors_total", "Documents that could not be written, by target (store, mirror), each attempt.", "target"
)
LAST_PUBLISH = _gauge("last_publish_timestamp_seconds", "When changes were last published, in seconds since 1970.")
UNPUBLISHED = _gauge("unpublished_changes", "Changes that are not in the public store yet.")
UNPUBLISHED_AGE = _gauge("unpublished_oldest_age_seconds", "Age of the oldest change that is not in the store yet.")
BACKGROUND_DOCUMENTS = _gauge(
    "background_documents", "Documents that are yet to be published again in the background, such as after an upgrade."
)
FAILED_DOCUMENTS = _gauge(
    "failed_documents",
    "Documents whose last attempt to write them failed, by target: those of `mirror` are in the store and are missing "
    "or old in the mirror.",
    "target",
)
STORE_DIFFERENCES = _gauge(
    "store_differences", "Differences between database and public store that `manage.py publish --check` found last."
)
LAST_CHECK = _gauge(
    "last_store_check_timestamp_seconds", "When `manage.py publish --check` last ran, in seconds since 1970."
)
OF_PUBLISHING = (
    PUBLISH_DURATION,
    PUBLISH_ERRORS,
    LAST_PUBLISH,
    UNPUBLISHED,
    UNPUBLISHED_AGE,
    BACKGROUND_DOCUMENTS,
    FAILED_DOCUMENTS,
    STORE_DIFFERENCES,
    LAST_CHECK,
)

DELIVERIES = _counter(
    "deliveries_total",
    "Deliveries that ended (sent, failed, skipped) and attempts that did not end one (deferred, uncertain), by outcome "
    "and channel. A delivery that is sent again counts again.",
    "outcome",
    "channel",
)
DELIVERIES_NOW = _gauge(
    "deliveries",
    "Deliveries of announcements in progress, and single messages and component posts of the last 7 days, by state.",
    "state",
)
WAITING_AGE = _gauge(
    "deliveries_oldest_waiting_age_seconds",
    "Age of the oldest announcement with deliveries that wait, from its release.",
)
DESTINATION_WAITING = _gauge(
    "destination_waiting_deliveries",
    "Deliveries that wait for a failing destination. Mail domains with fewer than five subscribers count together.",
    "destination",
)
BOUNCES = _counter("bounces_total", "Emails to bounce addresses, by consequence.", "consequence")
SIGN_UPS = _counter(
    "sign_ups_total",
    "Sign-ups, by outcome: requested with a form, confirmed, or refused by a limit of the public forms.",
    "outcome",
)
OF_DELIVERY = (DELIVERIES, DELIVERIES_NOW, WAITING_AGE, DESTINATION_WAITING, BOUNCES, SIGN_UPS)

LOG_INS = _counter(
    "log_ins_total",
    "Log-ins of staff, by outcome: succeeded, refused (wrong password or code, no access), or limited (too many "
    "attempts).",
    "outcome",
)
SCHEDULER_START = _gauge("scheduler_start_time_seconds", "When the scheduler last started, in seconds since 1970.")
SCHEDULER_BEAT = _gauge(
    "scheduler_last_beat_timestamp_seconds", "When the scheduler last showed that it runs, in seconds since 1970."
)
SCHEDULER_RUNS = _counter("scheduler_runs_total", "Runs of each chore of the scheduler.", "chore")
SCHEDULER_FAILURES = _counter("scheduler_failures_total", "Failed runs of each chore of the scheduler.", "chore")
OF_STAFF_AND_SCHEDULER = (LOG_INS, SCHEDULER_START, SCHEDULER_BEAT, SCHEDULER_RUNS, SCHEDULER_FAILURES)

LAST_BACKUP = _gauge(
    "last_backup_timestamp_seconds",
    "Of which moment `manage.py backup` last made a backup, in seconds since 1970; 0 if none is recorded.",
)
OF_BACKUP = (LAST_BACKUP,)

# From Valkey; missing while it does not answer.
QUEUE_JOBS = _gauge("queue_jobs", "Jobs that wait for a worker, by queue.", "queue")
QUEUE_FAILED = _gauge("queue_failed_jobs", "Jobs that failed in the last day, by queue.", "queue")
QUEUE_AGE = _gauge("queue_oldest_job_age_seconds", "Age of the job that has waited longest, by queue.", "queue")
WORKERS = _gauge("workers", "Workers that run, by queue that they take jobs from.", "queue")
WORKER_START = _gauge(
    "worker_start_time_seconds", "When the newest worker of each queue started, in seconds since 1970.", "queue"
)
OF_QUEUE = (QUEUE_JOBS, QUEUE_FAILED, QUEUE_AGE, WORKERS, WORKER_START)

ALL = (*OF_WEB_SERVER, *OF_APPLICATION, *OF_PUBLISHING, *OF_DELIVERY, *OF_STAFF_AND_SCHEDULER, *OF_BACKUP, *OF_QUEUE)
