"""The code of the previous release runs on the new schema, and released migrations stay as they are."""

import hashlib
from pathlib import Path

import pytest
from django.db import models
from django.db.migrations import (
    AddConstraint,
    AddField,
    AlterField,
    CreateModel,
    DeleteModel,
    Migration,
    RemoveField,
    RenameField,
    RunSQL,
    SeparateDatabaseAndState,
)
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ModelState, ProjectState

from harness import releases
from harness.migration_rules import faults
from statuspage.local.paths import ROOT

# Migrations with a fault that a person has found harmless: the reason why the previous release survives it.
ACCEPTED: dict[str, str] = {
    "0046_series": "The constraint concerns new columns alone, which the previous release leaves empty.",
    "0052_monitoring_alerts": "Tokens may have one more scope, which the previous release does not offer.",
}


def new_faults() -> list[str]:
    loader = MigrationLoader(None)
    known, new_models = releases.previous_migrations(), set[str]()
    (last,) = loader.graph.leaf_nodes("incidents")
    found: list[str] = []
    for node in loader.graph.forwards_plan(last):
        if node[0] == "incidents" and node[1] not in known:
            found += faults(loader.graph.nodes[node], loader.project_state(node, at_end=False), new_models)
    return found


def test_previous_release_survives_every_new_migration(previous_release: None) -> None:
    assert [fault for fault in new_faults() if fault.partition(":")[0] not in ACCEPTED] == []


def test_released_migrations_are_neither_renamed_nor_changed() -> None:
    recorded = releases.recorded_migrations()
    assert recorded
    for path, digest in recorded.items():
        file = Path(ROOT, path)
        assert file.exists(), f"{path} was released: databases have its name, so it must stay"
        assert hashlib.sha256(file.read_bytes()).hexdigest() == digest, f"{path} was released: add a new migration"


BEFORE = ProjectState(
    {
        ("incidents", "thing"): ModelState(
            "incidents",
            "Thing",
            [
                ("id", models.BigAutoField(primary_key=True)),
                ("name", models.CharField(max_length=20)),
                ("note", models.TextField(null=True)),
            ],
        )
    }
)
CHECK = models.CheckConstraint(condition=models.Q(name__gt=""), name="has_name")
REFUSED: list[Operation] = [
    AddField("Thing", "size", models.IntegerField(default=0)),
    AddField("Thing", "owner", models.ForeignKey("auth.User", models.CASCADE)),
    RemoveField("Thing", "name"),
    RenameField("Thing", "name", "title"),
    DeleteModel("Thing"),
    AddConstraint("Thing", CHECK),
    AlterField("Thing", "name", models.CharField(max_length=10)),
    AlterField("Thing", "name", models.CharField(max_length=20, unique=True)),
    AlterField("Thing", "name", models.IntegerField()),
    AlterField("Thing", "note", models.TextField(default="")),
    RunSQL("ALTER TABLE incidents_thing DROP COLUMN note"),
    RunSQL([("ALTER TABLE incidents_thing ALTER COLUMN note SET NOT NULL", [])]),
    SeparateDatabaseAndState(database_operations=[RemoveField("Thing", "name")]),
]
ALLOWED: list[Operation] = [
    AddField("Thing", "size", models.IntegerField(default=0, db_default=0)),
    AddField("Thing", "size", models.IntegerField(null=True)),
    AddField("Thing", "friends", models.ManyToManyField("Thing")),
    AlterField("Thing", "name", models.CharField(max_length=40)),
    AlterField("Thing", "name", models.TextField()),
    RunSQL("CREATE INDEX thing_note ON incidents_thing (note)"),
    SeparateDatabaseAndState(state_operations=[RemoveField("Thing", "name")]),
]


def faults_of(*operations: Operation) -> list[str]:
    trial = type("Migration", (Migration,), {"operations": list(operations)})
    return faults(trial("0099_trial", "incidents"), BEFORE, set())


@pytest.mark.parametrize("operation", REFUSED, ids=lambda one: one.describe())
def test_what_the_previous_release_does_not_survive_is_refused(operation: Operation) -> None:
    assert len(faults_of(operation)) == 1


@pytest.mark.parametrize("operation", ALLOWED, ids=lambda one: one.describe())
def test_what_the_previous_release_survives_is_allowed(operation: Operation) -> None:
    assert faults_of(operation) == []


def test_new_tables_are_free() -> None:
    created = CreateModel("Part", [("id", models.BigAutoField(primary_key=True)), ("name", models.TextField())])
    later: list[Operation] = [
        AddField("Part", "size", models.IntegerField(default=0)),
        AddConstraint("Part", models.UniqueConstraint(fields=["name"], name="part_once")),
        RemoveField("Part", "name"),
    ]
    assert faults_of(created, *later) == []
