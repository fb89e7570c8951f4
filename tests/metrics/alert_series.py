"""For each alert, series with which it fires, and series with which it does not, in promtool's notation.

The last value of each is reached after an hour: a value a minute.
"""

from typing import NamedTuple

Series = dict[str, str]


class Case(NamedTuple):
    firing: Series
    silent: Series


def gauge(series: str, firing: float, silent: float) -> Case:
    return Case({series: f"{firing}x60"}, {series: f"{silent}x60"})


def counter(series: str, firing: float, silent: float) -> Case:
    """The slopes are per minute."""
    return Case({series: f"0+{firing}x60"}, {series: f"0+{silent}x60"})


def histogram(name: str, labels: str, bounds: str, *, firing: str, silent: str) -> Case:
    """All values of `firing` and of `silent` are in the bucket of that bound."""
    return Case(_buckets(name, labels, bounds.split(), firing), _buckets(name, labels, bounds.split(), silent))


def _buckets(name: str, labels: str, bounds: list[str], reached: str) -> Series:
    first = bounds.index(reached)
    return {
        f'{name}_bucket{{{labels}le="{bound}"}}': "0+10x60" if place >= first else "0x60"
        for place, bound in enumerate(bounds)
    }


def merged(*cases: Case) -> Case:
    firing, silent = Series(), Series()
    for case in cases:
        firing |= case.firing
        silent |= case.silent
    return Case(firing, silent)


REQUESTS = 'statuspage_http_requests_total{class="dynamic",status="%s"}'
DELIVERIES = 'statuspage_deliveries_total{outcome="%s",channel="webhook"}'

CASES = {
    "StatusPageDown": gauge('up{job="statuspage"}', 0, 1),
    "StatusPagePagesMissing": gauge("statuspage_pages_up", 0, 1),
    "StatusPageApplicationDown": gauge("statuspage_application_up", 0, 1),
    "StatusPageErrors": merged(counter(REQUESTS % "2xx", 90, 99), counter(REQUESTS % "5xx", 10, 1)),
    "StatusPageSlow": histogram(
        "statuspage_http_request_duration_seconds", 'class="page",', "0.01 0.25 1 +Inf", firing="1", silent="0.01"
    ),
    "StatusPageUnpublished": gauge("statuspage_unpublished_oldest_age_seconds", 300, 20),
    "StatusPagePublishSlow": histogram(
        "statuspage_publish_duration_seconds", "", "1 10 30 +Inf", firing="30", silent="1"
    ),
    "StatusPageStoreFails": gauge('statuspage_failed_documents{target="store"}', 2, 0),
    "StatusPageStoreDiffers": gauge("statuspage_store_differences", 1, 0),
    "StatusPageMirrorBehind": gauge('statuspage_failed_documents{target="mirror"}', 2, 0),
    "StatusPageDeliveriesLate": gauge("statuspage_deliveries_oldest_waiting_age_seconds", 4000, 3000),
    "StatusPageDeliveriesFail": merged(counter(DELIVERIES % "sent", 50, 99), counter(DELIVERIES % "failed", 50, 1)),
    "StatusPageBounces": counter('statuspage_bounces_total{consequence="suspended"}', 2, 0.1),
    "StatusPageDatabaseDown": gauge("statuspage_database_up", 0, 1),
    "StatusPageQueueDown": gauge("statuspage_queue_up", 0, 1),
    "StatusPageSchedulerSilent": Case(
        {"statuspage_scheduler_last_beat_timestamp_seconds": "0x60"},
        {"statuspage_scheduler_last_beat_timestamp_seconds": "0+60x60"},
    ),
    "StatusPageNoWorker": gauge('statuspage_workers{queue="messages"}', 0, 1),
    "StatusPageNoWebhookWorker": merged(
        gauge('statuspage_workers{queue="posts"}', 0, 0), gauge('statuspage_queue_jobs{queue="posts"}', 1, 0)
    ),
    "StatusPageQueueLate": gauge('statuspage_queue_oldest_job_age_seconds{queue="delivery"}', 400, 100),
    "StatusPageChoreFails": counter('statuspage_scheduler_failures_total{chore="repair_store"}', 1, 0.1),
    "StatusPageRestarts": counter("statuspage_application_start_time_seconds", 60, 0),
    "StatusPageLogInsRefused": counter('statuspage_log_ins_total{outcome="limited"}', 5, 1),
    "StatusPageSignUpsRefused": counter('statuspage_sign_ups_total{outcome="refused"}', 20, 1),
    "StatusPageBackupOld": gauge("statuspage_last_backup_timestamp_seconds", -200_000, 0),
}
