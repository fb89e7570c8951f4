from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("incidents", "0001_first_house")]

    operations = [
        migrations.AddField("page", "shown_day", models.DateField(editable=False, null=True)),
    ]
