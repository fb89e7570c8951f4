"""The migration that adds component updates can be reversed, although the former version cannot send their posts."""

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from incidents.models import ComponentUpdate, Delivery
from incidents.status import ComponentStatus
from tests.factories import make_component, make_subscriber

pytestmark = pytest.mark.django_db

BEFORE = [("incidents", "0015_canonical_addresses")]


def test_reversing_deletes_component_posts_and_keeps_other_deliveries() -> None:
    webhook = make_subscriber("https://example.dk/hook", channel="webhook", owner="drift@example.dk")
    update = ComponentUpdate.objects.create(
        component=make_component(),
        old_status=ComponentStatus.OPERATIONAL,
        new_status=ComponentStatus.MAJOR_OUTAGE,
        hold_until=timezone.now(),
    )
    Delivery.objects.create(subscriber=webhook, component_update=update, letter="component", channel="webhook")
    kept = Delivery.objects.create(subscriber=webhook, letter="manage")
    connection.check_constraints()
    MigrationExecutor(connection).migrate(BEFORE)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id FROM {Delivery._meta.db_table}")
        assert cursor.fetchall() == [(kept.pk,)]
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())
    assert Delivery.objects.get() == kept
    assert not ComponentUpdate.objects.exists()
