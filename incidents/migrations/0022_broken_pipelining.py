"""Remember relays whose PIPELINING does not work."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("incidents", "0021_rendered_posts"),
    ]

    operations = [
        migrations.AddField(
            model_name="destination",
            name="pipelining_broken_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="PIPELINING found broken"),
        ),
    ]
