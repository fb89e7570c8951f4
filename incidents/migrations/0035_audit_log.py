"""The audit log. The database chains its entries and refuses to change them."""

import django.utils.timezone
from django.db import migrations, models

# The lock lasts until the transaction ends, so that an entry always follows the newest committed one. The number is
# taken under the lock as well: numbers of the sequence are given out earlier, in another order and with gaps. Which
# columns are hashed, and how, must stay as it is: `staff/audit.py` hashes the stored rows again.
TRIGGERS = """
CREATE FUNCTION incidents_chain_audit_entry() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    newest record;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('incidents.audit', 3));
    SELECT entry.id, entry.hash INTO newest FROM incidents_auditentry entry ORDER BY entry.id DESC LIMIT 1;
    NEW.id := coalesce(newest.id, 0) + 1;
    NEW.previous_hash := coalesce(newest.hash, '');
    NEW.hash := encode(sha256(convert_to(jsonb_build_array(
        NEW.id, to_char(NEW.at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), NEW.actor_kind, NEW.actor_name,
        NEW."user", NEW.roles, NEW.network, NEW.operation, NEW.kind, NEW.object_id, NEW.object_name, NEW.incident_id,
        NEW.before, NEW.after, NEW.previous_hash
    )::text, 'UTF8')), 'hex');
    RETURN NEW;
END $$;
CREATE TRIGGER audit_chain BEFORE INSERT ON incidents_auditentry
    FOR EACH ROW EXECUTE FUNCTION incidents_chain_audit_entry();
CREATE FUNCTION incidents_refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'Entries of the audit log are never changed or deleted.' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON incidents_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION incidents_refuse_audit_change();
"""
DROP = """
DROP TRIGGER audit_append_only ON incidents_auditentry;
DROP TRIGGER audit_chain ON incidents_auditentry;
DROP FUNCTION incidents_refuse_audit_change();
DROP FUNCTION incidents_chain_audit_entry();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("incidents", "0034_second_factor"),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="time")),
                (
                    "actor_kind",
                    models.CharField(
                        choices=[
                            ("person", "Person"),
                            ("command", "Command on the server"),
                            ("scheduler", "Scheduler"),
                        ],
                        max_length=12,
                        verbose_name="actor",
                    ),
                ),
                ("actor_name", models.CharField(max_length=150, verbose_name="name")),
                ("user", models.BigIntegerField(null=True, verbose_name="account")),
                ("roles", models.JSONField(default=list, verbose_name="roles")),
                ("network", models.CharField(blank=True, max_length=64, verbose_name="network")),
                ("operation", models.CharField(max_length=60, verbose_name="operation")),
                ("kind", models.CharField(blank=True, max_length=40, verbose_name="kind of object")),
                ("object_id", models.CharField(blank=True, max_length=64, verbose_name="id")),
                ("object_name", models.JSONField(blank=True, default=dict, verbose_name="object")),
                ("incident_id", models.CharField(max_length=12, null=True, verbose_name="incident")),
                ("before", models.JSONField(blank=True, default=dict, verbose_name="before")),
                ("after", models.JSONField(blank=True, default=dict, verbose_name="after")),
                ("previous_hash", models.CharField(db_default="", editable=False, max_length=64)),
                ("hash", models.CharField(db_default="", editable=False, max_length=64)),
            ],
            options={
                "verbose_name": "audit log entry",
                "verbose_name_plural": "audit log entries",
                "ordering": ("-id",),
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(
                        condition=models.Q(("incident_id__isnull", False)),
                        fields=["incident_id", "id"],
                        name="audit_of_incident",
                    ),
                    models.Index(fields=["kind", "id"], name="audit_by_kind"),
                    models.Index(fields=["operation", "id"], name="audit_by_operation"),
                    models.Index(fields=["user", "id"], name="audit_by_user"),
                    models.Index(fields=["at"], name="audit_by_time"),
                ],
                "constraints": [models.UniqueConstraint(fields=("previous_hash",), name="audit_chain_has_no_forks")],
            },
        ),
        migrations.RunSQL(TRIGGERS, DROP),
    ]
