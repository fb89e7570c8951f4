from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("incidents", "0053_metadata")]

    operations = [
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                fields=["announcement", "sent_at"], condition=models.Q(state="sent"), name="delivery_sent"
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                fields=["next_attempt_at"],
                condition=models.Q(state__in=["failed", "deferred"], reply__startswith="5.7."),
                name="delivery_rejected",
            ),
        ),
    ]
