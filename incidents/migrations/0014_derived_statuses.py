"""Statuses of components are derived from claims: keep those set by hand, and rebuild all others."""

from collections import defaultdict
from itertools import groupby, pairwise
from operator import attrgetter
from typing import Any

import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q

from incidents.claims import Claim, StatedStatus, Step, changes_of, claims_of, steps_of
from incidents.status import ComponentStatus

STATUSES = [
    ("operational", "Operational"),
    ("degraded_performance", "Degraded performance"),
    ("partial_outage", "Partial outage"),
    ("major_outage", "Major outage"),
    ("under_maintenance", "Under maintenance"),
]
FINAL = {"resolved", "postmortem", "completed", "cancelled"}
STARTED = {"in_progress", "verifying"}
BATCH = 5_000


def keep_statuses_set_by_hand(apps: Any, _schema_editor: object) -> None:
    # A row without an update was set by hand. The next public update that changed the component
    # replaced it, so from then on it no longer applies.
    changes, by_hand = apps.get_model("incidents", "StatusChange"), apps.get_model("incidents", "ManualStatus")
    rows = changes.objects.filter(component__in=changes.objects.filter(update=None).values("component"))
    rows = rows.filter(
        Q(update=None) | Q(update__published_at__isnull=False, update__incident__published_at__isnull=False)
    )
    kept = []
    for row, following in pairwise([*rows.order_by("component_id", "at", "id"), None]):
        if row.update_id is None:
            kept.append(by_hand(component_id=row.component_id, status=row.status, at=row.at))
            replaced = following is not None and following.component_id == row.component_id and following.update_id
            if replaced and row.status != "operational":
                kept.append(by_hand(component_id=row.component_id, status="operational", at=following.at))
    by_hand.objects.bulk_create(kept)
    changes.objects.all().delete()


def delete_derived_statuses(apps: Any, _schema_editor: object) -> None:
    apps.get_model("incidents", "StatusChange").objects.all().delete()


def record_statuses_by_time_of_update(apps: Any, _schema_editor: object) -> None:
    # Back to the former version, which recorded each status at the time of its update.
    changes = apps.get_model("incidents", "StatusChange")
    by_hand = apps.get_model("incidents", "ManualStatus").objects.order_by("at", "id")
    changes.objects.bulk_create(changes(component_id=row.component_id, at=row.at, status=row.status) for row in by_hand)
    stated = apps.get_model("incidents", "AffectedComponent").objects.filter(
        update__published_at__isnull=False, update__incident__published_at__isnull=False
    )
    rows = stated.exclude(update__phase="scheduled").order_by("update__at", "update__created_at", "id")
    changes.objects.bulk_create(
        (
            changes(component_id=component, at=at, status=status, update_id=update)
            for component, at, status, update in rows.values_list("component", "update__at", "status", "update")
        ),
        batch_size=BATCH,
    )


def rebuild_statuses(apps: Any, _schema_editor: object) -> None:
    changes, components = apps.get_model("incidents", "StatusChange"), apps.get_model("incidents", "Component")
    claims = claims_of_incidents(apps)
    by_hand = apps.get_model("incidents", "ManualStatus").objects.order_by("component_id", "at", "id")
    for key, rows in groupby(by_hand, key=attrgetter("component_id")):
        claims[key] += claims_of([Step(row.at, ComponentStatus(row.status)) for row in rows])
    for component in components.objects.order_by("pk"):
        found = changes_of(claims[component.pk])
        changes.objects.bulk_create(
            (
                changes(component=component, at=change.at, status=change.status, causes=list(change.causes))
                for change in found
            ),
            batch_size=BATCH,
        )
        component.status = found[-1].status if found else "operational"
        component.save(update_fields=["status"])
    if components.objects.exists():
        apps.get_model("incidents", "StaleSubject").objects.create(subject="page")


def claims_of_incidents(apps: Any) -> dict[str, list[Claim]]:
    timelines = defaultdict(list)
    updates = apps.get_model("incidents", "Update").objects.filter(published_at__isnull=False)
    updates = updates.only("incident_id", "phase", "at", "ended_at", "created_at", "published_at")
    for update in updates.filter(incident__published_at__isnull=False).order_by("at", "created_at", "id"):
        timelines[update.incident_id].append(update)
    named = defaultdict(list)
    statements = apps.get_model("incidents", "AffectedComponent").objects.order_by("component_id")
    for update_id, component, status in statements.values_list("update", "component", "status"):
        named[update_id].append((component, status))
    claims: dict[str, list[Claim]] = defaultdict(list)
    for incident in apps.get_model("incidents", "Incident").objects.only("phase", "started_at", "ended_at"):
        timeline = timelines.get(incident.pk, [])
        phases = {update.phase for update in timeline}
        if not timeline or incident.phase == "scheduled" or (incident.phase == "cancelled" and not phases & STARTED):
            continue
        opening = min(timeline, key=lambda update: (update.published_at, update.created_at, update.at, update.pk))
        stated = defaultdict(list)
        for update in timeline:
            for component, status in named[update.pk]:
                at, is_final = update.ended_at or update.at, update.phase in FINAL
                stated[component].append(StatedStatus(at, ComponentStatus(status), update is opening, is_final))
        for component, statements in stated.items():
            claims[component] += claims_of(steps_of(statements, incident.started_at, incident.ended_at), incident.pk)
    return claims


class Migration(migrations.Migration):
    dependencies = [
        ("incidents", "0013_plain_labels"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ManualStatus",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("status", models.CharField(choices=STATUSES, max_length=20, verbose_name="status")),
                ("at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="time")),
                (
                    "author",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="author",
                    ),
                ),
                (
                    "component",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="manual_statuses",
                        to="incidents.component",
                    ),
                ),
            ],
            options={
                "verbose_name": "status set by hand",
                "verbose_name_plural": "statuses set by hand",
                "ordering": ("at", "id"),
                "indexes": [models.Index(fields=["component", "at"], name="manual_status_history")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("status__in", [status.value for status in ComponentStatus])),
                        name="manual_status_is_known",
                    )
                ],
            },
        ),
        migrations.RunPython(keep_statuses_set_by_hand, record_statuses_by_time_of_update),
        # The rows above must be checked before their table is used in a change of the schema.
        migrations.RunSQL("SET CONSTRAINTS ALL IMMEDIATE", "SET CONSTRAINTS ALL IMMEDIATE"),
        migrations.RemoveField(model_name="affectedcomponent", name="old_status"),
        migrations.RemoveIndex(model_name="statuschange", name="status_change_history"),
        migrations.RemoveField(model_name="statuschange", name="update"),
        migrations.AddField(
            model_name="statuschange",
            name="causes",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=12), blank=True, default=list, size=None
            ),
        ),
        migrations.AlterField(model_name="statuschange", name="at", field=models.DateTimeField()),
        migrations.AddConstraint(
            model_name="statuschange",
            constraint=models.UniqueConstraint(fields=("component", "at"), name="status_change_once_per_moment"),
        ),
        migrations.AddIndex(model_name="incident", index=models.Index(fields=["ended_at"], name="incident_end")),
        migrations.RunPython(rebuild_statuses, delete_derived_statuses),
    ]
