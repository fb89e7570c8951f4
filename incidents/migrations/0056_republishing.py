from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("incidents", "0055_shown_to_readers")]

    operations = [
        migrations.AddField(
            model_name="stalesubject",
            name="version",
            field=models.CharField(blank=True, db_default="", default="", max_length=64, verbose_name="version"),
        ),
        migrations.AddField(
            model_name="stalesubject",
            name="position",
            field=models.CharField(blank=True, db_default="", default="", max_length=300, verbose_name="position"),
        ),
        migrations.AddField(
            model_name="stalesubject",
            name="done",
            field=models.PositiveIntegerField(db_default=0, default=0, verbose_name="documents written"),
        ),
        migrations.AddField(
            model_name="stalesubject",
            name="total",
            field=models.PositiveIntegerField(db_default=0, default=0, verbose_name="documents in all"),
        ),
    ]
