"""`manage.py migrate`: Django's, but each migration is committed together with the record that it was applied.

Django writes the record of a migration that adds constraints after its commit. A
process that is killed in between applies the migration again the next time, and
fails: "relation already exists".
"""

from contextlib import nullcontext
from typing import Any

from django.core.management.commands import migrate
from django.db import transaction
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import ProjectState


class AtomicExecutor(MigrationExecutor):
    def apply_migration(
        self, state: ProjectState, migration: Migration, fake: bool = False, fake_initial: bool = False
    ) -> ProjectState:
        together = transaction.atomic(self.connection.alias) if migration.atomic else nullcontext()
        with together:
            return super().apply_migration(state, migration, fake=fake, fake_initial=fake_initial)


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        # Django's command has no other way of naming its executor.
        migrate.MigrationExecutor = AtomicExecutor  # type: ignore[attr-defined]
        super().handle(*args, **options)
