"""The help text of the introduction, which is now at the foot of the home page."""

from django.db import migrations

import incidents.models.fields
import incidents.text


class Migration(migrations.Migration):
    dependencies = [
        ("incidents", "0027_revised_at"),
    ]

    operations = [
        migrations.AlterField(
            model_name="page",
            name="introduction",
            field=incidents.models.fields.LocalizedField(
                blank=True,
                default=incidents.text.Text,
                help_text="A few lines at the foot of the home page. Markdown.",
                max_length=2000,
                single_line=False,
                verbose_name="introduction",
            ),
        ),
    ]
