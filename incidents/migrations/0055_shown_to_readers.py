from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("incidents", "0054_delivery_status")]

    operations = [
        migrations.AddField(
            model_name="stalesubject",
            name="is_shown",
            field=models.BooleanField(db_default=False, default=False, verbose_name="shown to readers"),
        ),
    ]
