from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("incidents", "0056_republishing")]

    operations = [
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                fields=["announcement", "destination", "id"],
                include=["created_at", "next_attempt_at"],
                condition=models.Q(state__in=["deferred", "uncertain"]),
                name="delivery_deferred",
            ),
        ),
    ]
