"""Texts of the report that an announcement repeats because earlier messages with them are superseded."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("incidents", "0025_metric_counts"),
    ]

    operations = [
        migrations.AddField(
            model_name="announcement",
            name="unsent_report",
            field=models.JSONField(blank=True, default=dict, editable=False),
        ),
    ]
