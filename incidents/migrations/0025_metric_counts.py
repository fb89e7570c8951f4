"""Counters for the metrics."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("incidents", "0024_unknown_bounces"),
    ]

    operations = [
        migrations.CreateModel(
            name="MetricCount",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "subject",
                    models.CharField(
                        choices=[("delivery", "delivery"), ("bounce", "bounce")], max_length=10, verbose_name="subject"
                    ),
                ),
                ("outcome", models.CharField(max_length=12, verbose_name="outcome")),
                ("number", models.BigIntegerField(verbose_name="number")),
            ],
            options={
                "verbose_name": "part of a counter",
                "verbose_name_plural": "parts of counters",
            },
        ),
    ]
