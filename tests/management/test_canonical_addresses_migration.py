"""The migration that stores the canonical form of each address."""

from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from incidents.identity import canonical
from incidents.models import Subscriber

pytestmark = pytest.mark.django_db

BEFORE, AFTER = [("incidents", "0014_derived_statuses")], [("incidents", "0015_canonical_addresses")]


def old_subscribers() -> Any:
    executor = MigrationExecutor(connection)
    executor.migrate(BEFORE)
    return executor.loader.project_state(BEFORE).apps.get_model("incidents", "Subscriber").objects


def migrate() -> None:
    MigrationExecutor(connection).migrate(AFTER)


def confirmed(**fields: Any) -> dict[str, Any]:
    return {"language": "da", "state": "active", "confirmed_at": timezone.now(), **fields}


def test_each_address_gets_the_form_that_the_product_computes() -> None:
    old = old_subscribers()
    for address in ("Kim@xn--fa-hia.de", "kim@example.dk", "bım@example.dk", "BİM@example.dk"):
        old.create(address=address, **confirmed())
    old.create(address="https://example.dk/Hook", owner="Kim@example.dk", channel="webhook", **confirmed())
    old.create(address="", language="da", state="unsubscribed")
    migrate()
    rows = Subscriber.objects.all()
    assert len(rows) == 6
    assert all(row.canonical_address == canonical(row.mail_address) for row in rows)
    assert Subscriber.objects.webhooks_of("KIM@example.dk").count() == 1


def test_of_two_rows_with_one_address_the_active_one_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    old = old_subscribers()
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX mail_address_once")
    left = old.create(address="Kim@example.dk", language="da", state="unsubscribed")
    kept = old.create(address="kim@example.dk", **confirmed())
    later = old.create(address="KIM@example.dk", **confirmed())
    with connection.cursor() as cursor:
        cursor.execute("CREATE UNIQUE INDEX mail_address_once ON incidents_subscriber (id)")
    migrate()
    assert Subscriber.objects.exclude(address="").get().pk == kept.pk
    assert set(Subscriber.objects.filter(address="", state="unsubscribed").values_list("pk", flat=True)) == {
        left.pk,
        later.pk,
    }
    said = capsys.readouterr().out
    assert f"Subscriber {later.pk} has the same address as {kept.pk}" in said
    assert "@" not in said


def test_migration_can_be_undone() -> None:
    old_subscribers().create(address="Kim@example.dk", **confirmed())
    migrate()
    assert old_subscribers().get().address == "Kim@example.dk"
    migrate()
    assert Subscriber.objects.get().canonical_address == "kim@example.dk"
