"""API tokens, and the id of the token in entries of the audit log."""

import datetime

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.expressions
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import incidents.models.ids

# As in 0035, with the token, if any, at the end: the hashes of earlier entries stay as they are.
FUNCTION = """
CREATE OR REPLACE FUNCTION incidents_chain_audit_entry() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    newest record;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('incidents.audit', 3));
    SELECT entry.id, entry.hash INTO newest FROM incidents_auditentry entry ORDER BY entry.id DESC LIMIT 1;
    NEW.id := coalesce(newest.id, 0) + 1;
    NEW.previous_hash := coalesce(newest.hash, '');
    NEW.hash := encode(sha256(convert_to((jsonb_build_array(
        NEW.id, to_char(NEW.at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), NEW.actor_kind, NEW.actor_name,
        NEW."user", NEW.roles, NEW.network, NEW.operation, NEW.kind, NEW.object_id, NEW.object_name, NEW.incident_id,
        NEW.before, NEW.after, NEW.previous_hash
    )%s)::text, 'UTF8')), 'hex');
    RETURN NEW;
END $$;
"""
APPENDED = " || CASE WHEN NEW.api_token IS NULL THEN '[]' ELSE jsonb_build_array(NEW.api_token) END"


class Migration(migrations.Migration):
    dependencies = [
        ("incidents", "0040_log_in_links"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="auditentry",
            name="api_token",
            field=models.CharField(max_length=12, null=True, verbose_name="API token"),
        ),
        migrations.AlterField(
            model_name="auditentry",
            name="actor_kind",
            field=models.CharField(
                choices=[
                    ("person", "Person"),
                    ("token", "API token"),
                    ("command", "Command on the server"),
                    ("scheduler", "Scheduler"),
                ],
                max_length=12,
                verbose_name="actor",
            ),
        ),
        migrations.AlterField(
            model_name="auditentry",
            name="actor_name",
            field=models.CharField(max_length=220, verbose_name="name"),
        ),
        migrations.CreateModel(
            name="ApiToken",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=incidents.models.ids.new_id,
                        editable=False,
                        max_length=12,
                        primary_key=True,
                        serialize=False,
                        verbose_name="id",
                    ),
                ),
                ("name", models.CharField(max_length=60, verbose_name="name")),
                ("prefix", models.CharField(max_length=16, verbose_name="begins with")),
                ("key_hash", models.CharField(max_length=64, unique=True)),
                (
                    "scopes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                ("read", "Read"),
                                ("draft", "Write drafts"),
                                ("publish", "Publish and notify"),
                                ("components", "Set component statuses"),
                                ("subscribers", "Manage subscribers"),
                                ("admin", "Change components and the page"),
                            ],
                            max_length=16,
                        ),
                        size=None,
                        verbose_name="scopes",
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="made")),
                ("expires_at", models.DateTimeField(verbose_name="expires")),
                ("expiry_notified_at", models.DateTimeField(null=True)),
                ("revoked_at", models.DateTimeField(null=True, verbose_name="revoked")),
                ("last_used_at", models.DateTimeField(null=True, verbose_name="last used")),
                ("last_used_network", models.CharField(blank=True, max_length=50, verbose_name="network")),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="made by",
                    ),
                ),
                (
                    "revoked_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="revoked by",
                    ),
                ),
            ],
            options={
                "verbose_name": "API token",
                "verbose_name_plural": "API tokens",
                "ordering": ("-created_at", "-id"),
                "default_permissions": ("add", "change"),
                "indexes": [
                    models.Index(fields=["-created_at", "-id"], name="api_token_newest"),
                    models.Index(fields=["created_by", "-created_at"], name="api_token_of_user"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "scopes__contained_by",
                                ["read", "draft", "publish", "components", "subscribers", "admin"],
                            ),
                            ("scopes__len__gt", 0),
                        ),
                        name="api_token_scopes_are_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("expires_at__gt", models.F("created_at")),
                            (
                                "expires_at__lte",
                                django.db.models.expressions.CombinedExpression(
                                    models.F("created_at"), "+", models.Value(datetime.timedelta(days=367))
                                ),
                            ),
                        ),
                        name="api_token_expires_within_a_year",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("revoked_by", None), ("revoked_at__isnull", False), _connector="OR"),
                        name="api_token_revoked_at_a_time",
                    ),
                ],
            },
        ),
        migrations.RunSQL(FUNCTION % APPENDED, FUNCTION % ""),
    ]
