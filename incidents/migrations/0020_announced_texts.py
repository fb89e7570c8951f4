"""Keep the title that the subjects of an incident's emails have, and what of its report an update changed."""

from typing import Any

from django.db import migrations, models

import incidents.models.fields
import incidents.text

# The subjects sent so far had the title as it was then; the present one is the best that is known.
FILL_THREAD_TITLES = """
UPDATE incidents_announcement AS announcement
   SET thread_title = incident.title
  FROM incidents_update AS statement
  JOIN incidents_incident AS incident ON incident.id = statement.incident_id
 WHERE statement.id = announcement.update_id AND announcement.expanded_at IS NOT NULL
"""


def fill_thread_titles(_apps: Any, schema_editor: Any) -> None:
    schema_editor.execute(FILL_THREAD_TITLES)


class Migration(migrations.Migration):
    dependencies = [
        ("incidents", "0019_unknown_consent_times"),
    ]

    operations = [
        migrations.AddField(
            model_name="announcement",
            name="thread_title",
            field=incidents.models.fields.LocalizedField(
                blank=True, default=incidents.text.Text, editable=False, max_length=200, single_line=True
            ),
        ),
        migrations.AddField(
            model_name="update",
            name="report",
            field=models.JSONField(blank=True, default=dict, editable=False),
        ),
        migrations.RunPython(fill_thread_titles, migrations.RunPython.noop),
    ]
