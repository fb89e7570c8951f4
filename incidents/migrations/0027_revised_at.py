"""When the title or the planned time of a public incident last changed, for the dates in feeds."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("incidents", "0026_unsent_report"),
    ]

    operations = [
        migrations.AddField(
            model_name="incident",
            name="revised_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
    ]
