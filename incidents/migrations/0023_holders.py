"""Deliveries are claimed by a holder, and destinations are probed by one, instead of for a fixed time."""

from typing import Any

import django.utils.timezone
from django.db import migrations, models
from django.db.models import Q

# No holder has this number: what was in flight during the upgrade counts as left behind by a dead worker.
NOBODY = 0
WAITING = ["queued", "deferred", "uncertain"]


def end_leases(apps: Any, _schema_editor: Any) -> None:
    """End the claims of workers of the former version, which must not run during the upgrade."""
    deliveries = apps.get_model("incidents", "Delivery").objects.filter(claimed_at__isnull=False)
    deliveries.exclude(state="sending").update(claimed_at=None)
    deliveries.filter(state="sending").update(holder=NOBODY)


class Migration(migrations.Migration):
    dependencies = [("incidents", "0022_broken_pipelining")]

    operations = [
        migrations.CreateModel(
            name="Holder",
            fields=[
                ("id", models.AutoField(primary_key=True, serialize=False)),
                ("worker", models.CharField(max_length=100)),
                ("renewed_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("suspected_at", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.RemoveConstraint(model_name="delivery", name="sending_delivery_has_a_lease"),
        migrations.RemoveIndex(model_name="delivery", name="delivery_abandoned"),
        migrations.RemoveIndex(model_name="delivery", name="delivery_destination"),
        migrations.RenameField(model_name="delivery", old_name="lease_until", new_name="claimed_at"),
        migrations.AlterField(
            model_name="delivery",
            name="claimed_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="claimed"),
        ),
        migrations.AddField(
            model_name="delivery",
            name="holder",
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name="claimed by"),
        ),
        migrations.AddField(
            model_name="delivery",
            name="retried_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="retried"),
        ),
        migrations.RunPython(end_leases, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                fields=["destination", "id"], condition=Q(state__in=WAITING), name="delivery_at_destination"
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(fields=["holder"], condition=Q(holder__isnull=False), name="delivery_holder"),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=~Q(state="sending") | Q(holder__isnull=False), name="sending_delivery_has_a_holder"
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=Q(holder__isnull=True, claimed_at__isnull=True)
                | Q(holder__isnull=False, claimed_at__isnull=False),
                name="claimed_delivery_says_when",
            ),
        ),
        migrations.AddField(
            model_name="destination",
            name="prober",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="destination",
            name="last_deferred",
            field=models.CharField(blank=True, db_default="", default="", max_length=12),
        ),
        migrations.AddField(
            model_name="destination",
            name="postponed_until",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="destination",
            name="connections",
            field=models.PositiveSmallIntegerField(blank=True, null=True, verbose_name="connections"),
        ),
    ]
