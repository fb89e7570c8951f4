from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("incidents", "0050_agents"),
    ]

    operations = [
        migrations.AddField(
            model_name="componentgroup",
            name="key",
            field=models.CharField(blank=True, editable=False, max_length=60, null=True, unique=True),
        ),
        migrations.AddField(
            model_name="updatetemplate",
            name="key",
            field=models.CharField(blank=True, editable=False, max_length=60, null=True, unique=True),
        ),
    ]
