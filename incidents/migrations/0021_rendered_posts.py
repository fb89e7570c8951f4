"""Store the bodies of posts, so that every attempt sends the same bytes."""

import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("incidents", "0020_announced_texts"),
    ]

    operations = [
        migrations.CreateModel(
            name="RenderedPost",
            fields=[
                ("key", models.CharField(max_length=160, primary_key=True, serialize=False)),
                ("body", models.TextField()),
                ("rendered_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "indexes": [models.Index(fields=["rendered_at"], name="rendered_post_old")],
            },
        ),
    ]
