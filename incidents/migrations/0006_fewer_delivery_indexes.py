import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("incidents", "0005_sign_up_limits")]

    operations = [
        migrations.RemoveConstraint("delivery", "message_id_is_used_once"),
        migrations.AlterField(
            "delivery",
            "subscriber",
            models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="deliveries",
                to="incidents.subscriber",
                verbose_name="subscriber",
            ),
        ),
        migrations.AddIndex("delivery", models.Index(fields=["subscriber"], name="delivery_of_subscriber")),
    ]
