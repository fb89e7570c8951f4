"""Let the times of an imported consent be unknown."""

from typing import Any

import django.utils.timezone
from django.db import migrations, models
from django.db.models import Q

# Until now, the import stored its own time for lines without one. It read a line seconds before it stored the row.
# The records of consent that were filled from these times are corrected too, although they are append only.
FORGET_INVENTED_TIMES = """
ALTER TABLE incidents_consentrecord DISABLE TRIGGER append_only;
WITH forgotten AS (
    UPDATE incidents_subscriber
       SET requested_at = NULL, confirmed_at = NULL
     WHERE consent_method = 'import' AND confirmed_at = requested_at
       AND requested_at BETWEEN created_at - interval '1 minute' AND created_at
 RETURNING id
)
UPDATE incidents_consentrecord AS record
   SET at = NULL
  FROM forgotten
 WHERE record.subscriber_id = forgotten.id AND record.method = 'import' AND record.step IN ('requested', 'confirmed');
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
ALTER TABLE incidents_consentrecord ENABLE TRIGGER append_only;
"""
FILL_UNKNOWN_TIMES = """
UPDATE incidents_subscriber
   SET requested_at = COALESCE(requested_at, created_at),
       confirmed_at = CASE WHEN state = 'active' THEN COALESCE(confirmed_at, requested_at, created_at)
                      ELSE confirmed_at END
 WHERE requested_at IS NULL OR (confirmed_at IS NULL AND state = 'active')
"""


def forget_invented_times(_apps: Any, schema_editor: Any) -> None:
    schema_editor.execute(FORGET_INVENTED_TIMES)


def fill_unknown_times(_apps: Any, schema_editor: Any) -> None:
    schema_editor.execute(FILL_UNKNOWN_TIMES)


class Migration(migrations.Migration):
    dependencies = [
        ("incidents", "0018_consents"),
    ]

    operations = [
        migrations.AlterField(
            model_name="subscriber",
            name="requested_at",
            field=models.DateTimeField(
                blank=True, default=django.utils.timezone.now, null=True, verbose_name="signed up"
            ),
        ),
        migrations.RemoveConstraint(model_name="subscriber", name="active_subscriber_has_confirmed"),
        migrations.AddConstraint(
            model_name="subscriber",
            constraint=models.CheckConstraint(
                condition=~Q(state="active") | Q(confirmed_at__isnull=False) | Q(consent_method="import"),
                name="active_subscriber_has_confirmed",
            ),
        ),
        migrations.AddConstraint(
            model_name="subscriber",
            constraint=models.CheckConstraint(
                condition=Q(requested_at__isnull=False) | Q(consent_method="import"),
                name="sign_up_time_is_known_unless_imported",
            ),
        ),
        # Last, so that it is undone first, before the columns must be filled.
        migrations.RunPython(forget_invented_times, fill_unknown_times),
    ]
