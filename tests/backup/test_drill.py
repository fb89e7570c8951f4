"""The drill: everything is lost, and a restore brings back each published byte and each row, and sends nothing."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pyrage import x25519

from harness.deliveries import deliver_due, release_held
from harness.smtp_server import ScriptedServer
from incidents import scheduler
from incidents.backup.restoring import restore
from incidents.models import Announcement, AuditEntry, Delivery, Incident, LogInLink, Reminder, StaffSession, Update
from incidents.publishing.store.publisher import differences
from incidents.staff import audit
from tests.backup.filled import back_up, destroy, published, table_rows
from tests.factories import make_incident, make_maintenance, make_statement

# The columns that a restore changes, by table.
CHANGED = {
    "incidents_announcement": {"cancelled_at"},
    "incidents_componentupdate": {"cancelled_at"},
    "incidents_delivery": {"state", "skip_reason", "holder", "claimed_at"},
    "incidents_incident": {"revised_at"},
    "incidents_staffsession": {"ended_at"},
    "incidents_update": {"publish_at"},
}
EMPTIED = {"incidents_loginlink", "incidents_subscriptionrequest", "incidents_heartbeat", "incidents_stalesubject"}
PENDING = ["queued", "sending", "deferred", "uncertain"]


@pytest.mark.usefixtures("published_at_once")
def test_every_published_byte_and_every_row_come_back(page: Path, tmp_path: Path) -> None:
    files, rows, entries = published(page), table_rows(), AuditEntry.objects.count()
    identity = x25519.Identity.generate()
    encrypted = back_up(tmp_path / "page.tar.age", recipients=[identity.to_public()])
    destroy(page)
    restored = restore(encrypted, identities=[identity])
    assert published(page) == files
    assert list(differences()) == []
    after = table_rows()
    assert after.keys() == rows.keys()
    for name in rows.keys() - EMPTIED - {"incidents_auditentry"}:
        assert without(after[name], CHANGED.get(name, set())) == without(rows[name], CHANGED.get(name, set())), name
    assert [name for name in EMPTIED if after[name]] == []
    newest = AuditEntry.objects.latest("id")
    assert (newest.operation, newest.actor, newest.pk) == ("restore_backup", "restore", entries + 1)
    assert newest.after["backup_made_at"].startswith(f"{restored.manifest.facts.made_at:%Y-%m-%dT%H:%M}")
    assert list(audit.verify()) == []


def without(rows: list[str], columns: set[str]) -> list[dict[str, Any]]:
    return [{name: value for name, value in json.loads(row).items() if name not in columns} for row in rows]


def test_nothing_that_was_waiting_goes_on_by_itself(page: Path, backup: Path, smtp: ScriptedServer) -> None:
    ended = dict(Delivery.objects.exclude(state__in=PENDING).values_list("pk", "state"))
    waiting = set(Delivery.objects.filter(state__in=PENDING).values_list("pk", flat=True))
    past, future = Update.objects.exclude(publish_at=None).order_by("publish_at").values_list("pk", "publish_at")
    assert LogInLink.objects.exists()
    destroy(page)
    restored = restore(backup)
    run_everything()
    assert smtp.received == []
    assert dict(Delivery.objects.exclude(skip_reason="restored").values_list("pk", "state")) == ended
    assert set(Delivery.objects.filter(skip_reason="restored").values_list("pk", flat=True)) == waiting
    assert restored.stopped == {"deliveries": len(waiting), "announcements": 1, "drafts": 1, "requests": 1}
    planned = Update.objects.filter(pk__in=[past[0], future[0]]).values_list("pk", "publish_at", "published_at")
    assert set(planned) == {(past[0], None, None), (*future, None)}
    assert not LogInLink.objects.exists()
    assert not StaffSession.objects.filter(ended_at=None).exists()


def test_reminder_that_may_have_been_sent_after_the_backup_is_not_sent_again(page: Path, tmp_path: Path) -> None:
    now = timezone.now()
    soon = make_maintenance(start=now + timedelta(minutes=50), end=now + timedelta(hours=2))
    Incident.objects.filter(pk=soon.pk).update(published_at=now - timedelta(days=1))
    assert Reminder.objects.due(now).exists()
    file = back_up(tmp_path / "page.tar")
    destroy(page)
    restore(file)
    assert not Reminder.objects.due(timezone.now()).exists()


def test_next_announcement_is_sent_under_ids_that_were_never_used(
    page: Path, backup: Path, smtp: ScriptedServer
) -> None:
    last = {model: model.objects.latest("id").pk for model in (Announcement, Delivery)}
    destroy(page)
    restore(backup)
    make_incident(statement=make_statement(notify=True))
    run_everything()
    assert len(smtp.received) == 7
    assert Announcement.objects.latest("id").pk > last[Announcement] + 1_000
    assert Delivery.objects.latest("id").pk > last[Delivery] + 1_000_000


def run_everything() -> None:
    """Do what the scheduler and the workers do after they have been started."""
    scheduler.publish_due_updates()
    scheduler.process_requests()
    scheduler.release_component_updates()
    scheduler.notify_of_expiring_tokens()
    release_held()
    deliver_due()
