"""Counters have labels."""

from typing import Any

from django.db import migrations, models


def forget_counts_without_channel(apps: Any, _schema_editor: Any) -> None:
    """Deliveries are counted by channel now, which is not known of those counted before. Bounces keep their counts."""
    counts = apps.get_model("incidents", "MetricCount").objects
    counts.filter(subject="delivery").delete()
    counts.filter(subject="bounce").update(subject="bounces_total")


class Migration(migrations.Migration):
    dependencies = [
        ("incidents", "0041_api_tokens"),
    ]

    operations = [
        migrations.AlterField(
            model_name="metriccount",
            name="subject",
            field=models.CharField(max_length=60, verbose_name="subject"),
        ),
        migrations.AlterField(
            model_name="metriccount",
            name="outcome",
            field=models.CharField(max_length=80, verbose_name="outcome"),
        ),
        migrations.RunPython(forget_counts_without_channel, migrations.RunPython.noop),
    ]
