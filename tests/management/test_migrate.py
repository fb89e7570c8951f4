"""`manage.py migrate` can be killed at any moment, and goes on the next time."""

from importlib import import_module
from typing import ClassVar

import pytest
from django.core.management import get_commands, load_command_class
from django.db import connection, models
from django.db.migrations import CreateModel, Migration
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from incidents.management.commands import migrate
from incidents.models import Heartbeat


class Trial(Migration):
    """It has a constraint, which Django adds at the end."""

    operations: ClassVar = [
        CreateModel(
            "Trial",
            [
                ("id", models.AutoField(primary_key=True)),
                ("owner", models.ForeignKey("auth.User", models.CASCADE)),
            ],
        )
    ]


class Killed(Exception):
    pass


def killed(_executor: MigrationExecutor, _migration: Migration) -> None:
    raise Killed


def test_the_product_uses_it() -> None:
    command = load_command_class(get_commands()["migrate"], "migrate")
    assert isinstance(command, migrate.Command)


@pytest.mark.django_db
def test_migration_is_committed_together_with_its_record(monkeypatch: pytest.MonkeyPatch) -> None:
    executor = migrate.AtomicExecutor(connection)
    monkeypatch.setattr(MigrationExecutor, "record_migration", killed)
    with pytest.raises(Killed):
        executor.apply_migration(executor.loader.project_state(), Trial("0001_initial", "trial"))
    assert "trial_trial" not in connection.introspection.table_names()


@pytest.mark.django_db
def test_heartbeat_of_the_clock_becomes_that_of_the_scheduler() -> None:
    rename = import_module("incidents.migrations.0013_plain_labels").RENAME_HEARTBEAT.format(
        new="scheduler", old="clock"
    )
    Heartbeat.objects.create(name="clock", beaten_at=timezone.now())
    for _time in range(2):  # the second time nothing is left to rename
        with connection.cursor() as cursor:
            cursor.execute(rename)
        assert [one.name for one in Heartbeat.objects.all()] == ["scheduler"]
    Heartbeat.objects.create(name="clock", beaten_at=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute(rename)  # a new scheduler was faster
