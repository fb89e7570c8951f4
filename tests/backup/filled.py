"""A page in use, and its destruction."""

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.db import connection, connections, transaction
from django.utils import timezone

from harness.deliveries import release_held
from incidents import operations
from incidents.backup.making import write_backup
from incidents.models import Announcement, Delivery, DeliveryState, StaffSession, Subscriber, Update
from incidents.notifications import outbox
from incidents.publishing.store.publisher import publish_all
from incidents.sign_in import log_in_links
from incidents.staff import roles
from incidents.status import ComponentStatus, Phase
from incidents.subscriptions import requests
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import make_component, make_incident, make_page, make_statement, make_subscriber
from tests.test_images import PNG

LATER = timedelta(hours=1)


def fill() -> None:
    """Publish a page with everything that a restore must bring back, or must stop."""
    make_page()
    roles.update_groups()  # tests with transactions empty these tables, too
    operations.change_logo(content=PNG, by=ANYBODY)
    mail, web = make_component("mail"), make_component("web")
    make_incident(components={web: ComponentStatus.MAJOR_OUTAGE}, title=Text(da="Web er nede", en="Web is down"))
    add_deliveries(mail.pk)
    user = User.objects.create_user("karen", "karen@example.dk", "a long password", is_staff=True)
    StaffSession.objects.create(user=user, key_hash="0" * 64, network="192.0.2.0/24", language="da")
    log_in_links.make_log_in_link(by=ANYBODY, user=user, now=timezone.now())
    publish_all()


def add_deliveries(component: str) -> None:
    """Add deliveries in each state, a held announcement, a waiting request and messages to a subscriber."""
    subscribers = [make_subscriber(f"reader{number}@example.dk") for number, _state in enumerate(DeliveryState)]
    make_subscriber("https://hooks.example.com/in", owner="owner@example.com", channel=Subscriber.Channel.WEBHOOK)
    statement = make_statement(notify=True, components={component: ComponentStatus.DEGRADED_PERFORMANCE})
    incident = make_incident(statement=statement)
    release_held()
    for subscriber, state in zip(subscribers, DeliveryState, strict=True):
        found = Delivery.objects.filter(subscriber=subscriber)
        found.update(state=state, **fields_of(state))
    with transaction.atomic():
        outbox.queue_message(subscribers[0], Delivery.Letter.MANAGE)
    operations.post_update(by=ANYBODY, incident=incident, statement=make_statement(Phase.MITIGATED, notify=True))
    for moment in (-LATER, LATER):
        planned = operations.post_update(
            by=ANYBODY,
            incident=incident,
            statement=make_statement(Phase.MITIGATED, publish_at=timezone.now() + LATER, notify=True),
        )
        Update.objects.filter(pk=planned.pk).update(publish_at=timezone.now() + moment)
    requests.to_manage("reader0@example.dk").save()
    assert Announcement.objects.held().count() == 1


def fields_of(state: DeliveryState) -> dict[str, Any]:
    if state == DeliveryState.SENDING:
        return {"holder": 7, "claimed_at": timezone.now()}
    if state == DeliveryState.SENT:
        return {"sent_at": timezone.now()}
    return {"skip_reason": "superseded"} if state == DeliveryState.SKIPPED else {}


def back_up(file: Path, **options: Any) -> Path:
    with file.open("wb") as stream:
        write_backup(stream, **options)
    return file


def destroy(root: Path) -> None:
    """Leave nothing: no table, no file."""
    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA public CASCADE")
        cursor.execute("CREATE SCHEMA public AUTHORIZATION pg_database_owner")
    shutil.rmtree(root)
    close_connections()


def close_connections() -> None:
    connections.close_all()
    connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL's alone


def table_rows() -> dict[str, list[str]]:
    """All rows of all tables, as JSON."""
    with connection.cursor() as cursor:
        found = {}
        for name in sorted(connection.introspection.table_names(cursor)):
            cursor.execute(f"SELECT to_jsonb(one)::text FROM {name} AS one ORDER BY 1")
            found[name] = [row for (row,) in cursor.fetchall()]
        return found


def published(root: Path) -> dict[str, tuple[bytes, int]]:
    """The bytes and the time of each published file."""
    files = (file for file in root.rglob("*") if file.is_file() and file.name != ".written-by")
    return {str(file.relative_to(root)): (file.read_bytes(), int(file.stat().st_mtime)) for file in files}
