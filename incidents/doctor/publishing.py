"""The public store and its mirror."""

from datetime import timedelta

from django.conf import settings
from django.core.files.storage import storages
from django.utils import timezone

from .. import counters
from ..metrics.definitions import STORE_DIFFERENCES
from ..models import Heartbeat, StaleSubject
from ..publishing import failures
from ..publishing.store import fingerprint, measures, mirror
from ..publishing.store.public_store import PublicStore
from .base import CheckResult, fail, many, ok, one_line, span, warn

LATE = timedelta(minutes=2)  # as the alert StatusPageUnpublished


def store_is_writable() -> CheckResult:
    store = PublicStore()
    try:
        store.check_writable()
    except OSError as error:
        return fail(
            error.strerror or one_line(error), "Give the service a writable PUBLIC_ROOT, then `manage.py publish`."
        )
    if not fingerprint.matches(store):
        if row := StaleSubject.objects.in_background().filter(version=fingerprint.current()).first():
            return ok(f"can be written; being published again by this version, {row.done:,} of {row.total:,} documents")
        return warn("written by another version or with other settings", "Run `manage.py publish`.")
    return ok("can be written; written by this version")


def store_is_current() -> CheckResult:
    if failed := measures.failed_documents()[measures.STORE]:
        return fail(f"{many(failed, 'document')} not written", "Run `manage.py publish`, which names the reason.")
    now = timezone.now()
    if oldest := StaleSubject.objects.late(now - LATE).order_by("since").first():
        waited = span(now - oldest.since)
        return fail(f"a change has not been published for {waited}", "Start the scheduler, or run `manage.py publish`.")
    if differences := counters.value(STORE_DIFFERENCES):
        advice = "Run `manage.py publish --check` again, then `publish --all`."
        return warn(f"the last comparison found {many(differences, 'difference')}", advice)
    checked = Heartbeat.objects.filter(name=measures.LAST_CHECK).first()
    compared = f"compared {span(timezone.now() - checked.beaten_at)} ago" if checked else "never compared"
    return ok(f"nothing waits; {compared}")


def mirror_is_current() -> CheckResult:
    if mirror.NAME not in settings.STORAGES:
        return ok("not configured")
    try:
        exists = storages[mirror.NAME].exists("index.html")
    except Exception as error:  # each storage raises the exceptions of its service
        reason = failures.reason_of(error)
        return fail(reason, "Check PUBLIC_MIRROR, its credentials and its service (docs/publishing.md).")
    if not exists:
        return fail("has no home page", "Run `manage.py publish --all`.")
    if failed := measures.failed_documents()[measures.MIRROR]:
        return warn(f"{many(failed, 'document')} missing or old", "Run `manage.py publish`, which names the reason.")
    return ok("answers; nothing is behind")
