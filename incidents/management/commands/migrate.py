"""`manage.py migrate`: like Django's, but commits each migration together with its record.

Django records a migration that adds constraints after its commit. If the process is
killed in between, the next run applies the migration again and fails: "relation
already exists".

After all migrations, the groups of the roles get the rights that this version says.
"""

from contextlib import nullcontext
from typing import Any

from django.core.management.commands import migrate
from django.db import transaction
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import ProjectState

from ...staff import roles


class AtomicExecutor(MigrationExecutor):
    def apply_migration(
        self, state: ProjectState, migration: Migration, fake: bool = False, fake_initial: bool = False
    ) -> ProjectState:
        transaction_or_not = transaction.atomic(self.connection.alias) if migration.atomic else nullcontext()
        with transaction_or_not:
            return super().apply_migration(state, migration, fake=fake, fake_initial=fake_initial)


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        # Django's command has no other way to set its executor.
        migrate.MigrationExecutor = AtomicExecutor  # type: ignore[attr-defined]
        super().handle(*args, **options)
        if not (options["app_label"] or options["plan"] or options["check_unapplied"]):
            roles.update_groups()
