"""The migration that lets the times of an imported consent be unknown."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from incidents.models import ConsentRecord, Subscriber
from tests.factories import make_subscriber

pytestmark = pytest.mark.django_db

BEFORE = [("incidents", "0018_consents")]


def old_subscribers(before: list[tuple[str, str]] = BEFORE) -> Any:
    executor = MigrationExecutor(connection)
    executor.migrate(before)
    return executor.loader.project_state(before).apps.get_model("incidents", "Subscriber").objects


def migrate() -> None:
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


def unknown_times() -> set[str]:
    found = Subscriber.objects.filter(requested_at=None, confirmed_at=None)
    return set(found.values_list("canonical_address", flat=True))


def test_times_that_the_import_invented_are_forgotten() -> None:
    old = old_subscribers()
    now = timezone.now()
    times: dict[str, dict[str, Any]] = {
        "invented@example.dk": {"requested_at": now, "confirmed_at": now, "consent_method": "import"},
        "given@example.dk": {
            "requested_at": now - timedelta(days=9),
            "confirmed_at": now - timedelta(days=9),
            "consent_method": "import",
        },
        "form@example.dk": {"requested_at": now, "confirmed_at": now},
    }
    for address, fields in times.items():
        old.create(address=address, canonical_address=address, language="da", state="active", **fields)
    migrate()
    assert unknown_times() == {"invented@example.dk"}


def test_records_of_consent_do_not_keep_an_invented_time() -> None:
    old = old_subscribers([("incidents", "0017_message_budgets")])
    now = timezone.now()
    fields = {"language": "da", "state": "active", "requested_at": now, "confirmed_at": now}
    for method in ("import", "form"):
        address = f"{method}@example.dk"
        old.create(address=address, canonical_address=address, consent_method=method, **fields)
    migrate()
    records = ConsentRecord.objects.order_by("subscriber__address", "step")
    assert list(records.values_list("subscriber__consent_method", "step", "at")) == [
        ("form", "confirmed", now),
        ("form", "requested", now),
        ("import", "confirmed", None),
        ("import", "requested", None),
    ]
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        ConsentRecord.objects.update(at=now)


def test_reversing_sets_unknown_times_to_the_time_of_import() -> None:
    subscriber = make_subscriber(consent_method="import", requested_at=None, confirmed_at=None)
    left = make_subscriber(consent_method="import", requested_at=None, confirmed_at=None, state="unsubscribed")
    connection.check_constraints()
    old = old_subscribers()
    row = old.get(pk=subscriber.pk)
    assert (row.requested_at, row.confirmed_at) == (subscriber.created_at, subscriber.created_at)
    row = old.get(pk=left.pk)
    assert (row.requested_at, row.confirmed_at) == (left.created_at, None)
    migrate()
    assert unknown_times() == {subscriber.canonical_address}
