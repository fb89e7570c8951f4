"""Record each step of a consent, and leave nothing of erased subscribers but a hash and the day."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

# Nothing in the product changes a record of consent; this keeps it so, also for a mistake at a prompt.
APPEND_ONLY = """
CREATE FUNCTION incidents_refuse_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'Rows of % are never changed; add another one.', TG_TABLE_NAME;
END $$;
CREATE TRIGGER append_only BEFORE UPDATE ON incidents_consentrecord
    FOR EACH ROW EXECUTE FUNCTION incidents_refuse_update();
"""
DROP = """
DROP TRIGGER append_only ON incidents_consentrecord;
DROP FUNCTION incidents_refuse_update();
"""
# What was kept until now: the latest round of each subscriber, with the choices of today. Of an earlier round, times are
# left where the request of a new one has overwritten the choices; nothing is made up about it.
FILL = """
INSERT INTO incidents_consentrecord (
    subscriber_id, step, opt_in_round, at, text, method, source, language, wants_incidents, wants_maintenance,
    components, incidents
)
SELECT s.id, steps.step, s.opt_in_round, steps.at, CASE steps.step WHEN 'requested' THEN s.consent_text ELSE '' END,
       CASE WHEN steps.step = 'ended' THEN 'unknown' WHEN s.consent_method = 'import' THEN 'import'
            WHEN steps.step = 'requested' THEN 'form' ELSE 'email' END,
       s.consent_source, s.language, s.wants_incidents, s.wants_maintenance,
       coalesce((SELECT array_agg(c.slug ORDER BY c.slug)
                   FROM incidents_subscriber_components sc JOIN incidents_component c ON c.id = sc.component_id
                  WHERE sc.subscriber_id = s.id), '{}'),
       coalesce((SELECT array_agg(i.incident_id ORDER BY i.incident_id)
                   FROM incidents_incidentchoice i WHERE i.subscriber_id = s.id AND i.told), '{}')
  FROM incidents_subscriber s
 CROSS JOIN LATERAL (VALUES ('requested', s.requested_at), ('confirmed', s.confirmed_at), ('ended', s.left_at))
       AS steps (step, at)
 WHERE s.address <> '' AND steps.at >= s.requested_at
 ORDER BY s.id, steps.at
"""
# Until now an erased row kept language, kinds and times, and its deliveries the domain of the address.
BLANK = """
UPDATE incidents_subscriber
   SET channel = 'email', language = '', wants_incidents = true, wants_maintenance = true, opt_in_round = 1,
       consent_text = '', consent_method = 'form', consent_source = '', confirmed_at = NULL, paused_until = NULL,
       left_at = day.at, requested_at = day.at, created_at = day.at, updated_at = day.at
  FROM (SELECT id, date_trunc('day', coalesce(left_at, updated_at), 'UTC') AS at FROM incidents_subscriber) AS day
 WHERE day.id = incidents_subscriber.id AND address = '';
DELETE FROM incidents_delivery
 WHERE announcement_id IS NULL AND component_update_id IS NULL
   AND subscriber_id IN (SELECT id FROM incidents_subscriber WHERE address = '');
UPDATE incidents_delivery SET destination = '', language = '', reply = ''
 WHERE subscriber_id IN (SELECT id FROM incidents_subscriber WHERE address = '');
UPDATE incidents_subscriber SET left_at = updated_at WHERE state = 'unsubscribed' AND left_at IS NULL;
"""
# Django's log named subscribers by their masked address, whose domain can name a person.
UNNAME = """
UPDATE django_admin_log SET object_repr = object_id
 WHERE object_id <> '' AND content_type_id IN (
       SELECT id FROM django_content_type WHERE app_label = 'incidents' AND model = 'subscriber')
"""
NOTHING = migrations.RunSQL.noop


class Migration(migrations.Migration):
    dependencies = [
        ("incidents", "0017_message_budgets"),
        ("admin", "0003_logentry_add_action_flag_choices"),
    ]

    operations = [
        migrations.CreateModel(
            name="ConsentRecord",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "step",
                    models.CharField(
                        choices=[
                            ("requested", "Requested"),
                            ("confirmed", "Confirmed"),
                            ("changed", "Changed"),
                            ("ended", "Ended"),
                        ],
                        max_length=10,
                        verbose_name="step",
                    ),
                ),
                ("opt_in_round", models.PositiveIntegerField(verbose_name="round")),
                (
                    "at",
                    models.DateTimeField(
                        blank=True,
                        default=django.utils.timezone.now,
                        help_text="Empty: unknown.",
                        null=True,
                        verbose_name="time",
                    ),
                ),
                ("text", models.CharField(blank=True, max_length=20, verbose_name="consent text")),
                (
                    "method",
                    models.CharField(
                        choices=[
                            ("form", "Form"),
                            ("email", "Link in an email"),
                            ("page", "Page of the subscription"),
                            ("import", "Import"),
                            ("staff", "Staff"),
                            ("provider", "Report of the email provider"),
                            ("unknown", "Unknown"),
                        ],
                        max_length=10,
                        verbose_name="given by",
                    ),
                ),
                ("source", models.CharField(blank=True, max_length=200, verbose_name="source of the consent")),
                ("language", models.CharField(max_length=12, verbose_name="language")),
                ("wants_incidents", models.BooleanField(verbose_name="incidents")),
                ("wants_maintenance", models.BooleanField(verbose_name="planned maintenance")),
                (
                    "components",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=50),
                        blank=True,
                        default=list,
                        size=None,
                        verbose_name="components",
                    ),
                ),
                (
                    "incidents",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=12),
                        blank=True,
                        default=list,
                        size=None,
                        verbose_name="single incidents",
                    ),
                ),
            ],
            options={
                "verbose_name": "consent",
                "verbose_name_plural": "consents",
                "ordering": ("pk",),
            },
        ),
        migrations.AddIndex(
            model_name="subscriber",
            index=models.Index(
                condition=models.Q(("state", "unsubscribed"), models.Q(("address", ""), _negated=True)),
                fields=["left_at"],
                name="subscriber_departed",
            ),
        ),
        migrations.AddField(
            model_name="consentrecord",
            name="subscriber",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="consents",
                to="incidents.subscriber",
                verbose_name="subscriber",
            ),
        ),
        migrations.RunSQL(APPEND_ONLY, DROP),
        migrations.RunSQL(BLANK, NOTHING),
        migrations.RunSQL(UNNAME, NOTHING),
        migrations.RunSQL(FILL, NOTHING),
    ]
