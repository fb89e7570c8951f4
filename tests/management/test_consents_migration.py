"""The migration that records consents, and leaves nothing of erased subscribers but a hash and the day."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from incidents.models import ConsentRecord, Delivery, Subscriber

pytestmark = pytest.mark.django_db

BEFORE = [("incidents", "0017_message_budgets")]
SIGNED_UP, CONFIRMED, LEFT = (datetime(2026, 3, day, 12, tzinfo=UTC) for day in (1, 2, 3))


def old_models() -> Any:
    executor = MigrationExecutor(connection)
    executor.migrate(BEFORE)
    return executor.loader.project_state(BEFORE).apps


def migrate() -> None:
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


def test_steps_that_were_stored_become_records() -> None:
    old = old_models()
    component = old.get_model("incidents", "Component").objects.create(slug="mail", name={"en": "Mail"})
    subscriber = old.get_model("incidents", "Subscriber").objects.create(
        address="anna@example.dk",
        canonical_address="anna@example.dk",
        language="da",
        state="active",
        opt_in_round=2,
        consent_text="2026-11",
        requested_at=SIGNED_UP,
        confirmed_at=CONFIRMED,
    )
    subscriber.components.add(component)
    migrate()
    fields = ("step", "opt_in_round", "at", "text", "method", "components")
    assert list(ConsentRecord.objects.values_list(*fields)) == [
        ("requested", 2, SIGNED_UP, "2026-11", "form", ["mail"]),
        ("confirmed", 2, CONFIRMED, "", "email", ["mail"]),
    ]


def test_nothing_is_made_up_about_an_earlier_round() -> None:
    old_models().get_model("incidents", "Subscriber").objects.create(
        address="anna@example.dk",
        canonical_address="anna@example.dk",
        language="da",
        state="pending",
        opt_in_round=2,
        requested_at=LEFT,
        confirmed_at=SIGNED_UP,
        left_at=CONFIRMED,
    )
    migrate()
    assert list(ConsentRecord.objects.values_list("step", "at")) == [("requested", LEFT)]


def test_earlier_erasures_leave_a_hash_and_the_day() -> None:
    old = old_models()
    erased = old.get_model("incidents", "Subscriber").objects.create(
        language="en",
        channel="webhook",
        state="unsubscribed",
        left_at=LEFT,
        wants_maintenance=False,
        confirmed_at=CONFIRMED,
        erased_key="f00",
    )
    deliveries = old.get_model("incidents", "Delivery").objects
    deliveries.create(subscriber=erased, letter="manage", destination="livets.dk", language="en", message_id="<1@x>")
    user = get_user_model().objects.create_user("staff")
    kind = ContentType.objects.get_for_model(Subscriber)
    LogEntry.objects.create(
        user=user, content_type=kind, object_id=erased.pk, object_repr="q…@livets.dk", action_flag=CHANGE
    )
    migrate()
    row = Subscriber.objects.get()
    day = datetime(2026, 3, 3, tzinfo=UTC)
    assert (row.language, row.channel, row.wants_maintenance, row.confirmed_at) == ("", "email", True, None)
    assert (row.erased_key, row.left_at, row.requested_at, row.created_at) == ("f00", day, day, day)
    assert not Delivery.objects.exists()
    assert not ConsentRecord.objects.exists()
    assert LogEntry.objects.get().object_repr == erased.pk


def test_migration_can_be_undone() -> None:
    old_models()
    migrate()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_trigger WHERE tgname = 'append_only'")
        assert cursor.fetchone() == (1,)
    old_models()
    migrate()
