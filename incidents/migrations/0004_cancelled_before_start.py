from django.db import migrations, models
from django.db.models import F, Q


class Migration(migrations.Migration):
    dependencies = [("incidents", "0003_destinations")]

    operations = [
        migrations.RemoveConstraint("incident", "incident_ends_after_it_started"),
        migrations.AddConstraint(
            "incident",
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | Q(ended_at__gte=F("started_at")) | Q(phase="cancelled"),
                name="incident_ends_after_it_started",
            ),
        ),
    ]
