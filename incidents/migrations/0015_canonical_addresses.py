"""Store the canonical form of each address, by which a mailbox is recognised in any spelling."""

from typing import Any

from django.db import migrations, models
from django.db.models import Q

# No mail host distinguishes case. The former version accepted ASCII only, and stored domains in lower case; some
# letters passed its check although they are not ASCII (“ı”), and such an address keeps an identity of its own.
FILL = """
UPDATE incidents_subscriber
   SET canonical_address = translate(
       CASE owner WHEN '' THEN address ELSE owner END, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz'
   )
 WHERE address <> ''
"""
# The mailbox keeps one subscription: the active one that was confirmed first. An address in two spellings was possible
# only in a database with Turkish rules of case.
DOUBLES = """
SELECT id, kept FROM (
    SELECT id, first_value(id) OVER same AS kept
      FROM incidents_subscriber
     WHERE address <> ''
    WINDOW same AS (
        PARTITION BY channel, canonical_address, CASE channel WHEN 'email' THEN '' ELSE address END
        ORDER BY state <> 'active', confirmed_at NULLS LAST, id
    )
) AS rows WHERE id <> kept
"""


def fill(apps: Any, schema_editor: Any) -> None:
    subscribers = apps.get_model("incidents", "Subscriber").objects
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(FILL)
        cursor.execute(DOUBLES)
        for double, kept in cursor.fetchall():
            # Without an address, as an erased one: the row stays, because its deliveries refer to it.
            subscribers.filter(pk=double).update(
                address="", owner="", canonical_address="", state="unsubscribed", suspended_because="", time_zone=""
            )
            print(f"\n  Subscriber {double} has the same address as {kept}, which is kept; its choices may differ.")


class Migration(migrations.Migration):
    dependencies = [
        ("incidents", "0014_derived_statuses"),
    ]

    operations = [
        migrations.AddField(
            model_name="subscriber",
            name="canonical_address",
            field=models.CharField(blank=True, default="", editable=False, max_length=320),
            preserve_default=False,
        ),
        migrations.RemoveConstraint(model_name="subscriber", name="mail_address_once"),
        migrations.RemoveConstraint(model_name="subscriber", name="webhook_once_per_owner"),
        migrations.RemoveIndex(model_name="subscriber", name="subscriber_owner"),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="subscriber",
            constraint=models.UniqueConstraint(
                condition=Q(channel="email") & ~Q(canonical_address=""),
                fields=("canonical_address",),
                name="mail_address_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="subscriber",
            constraint=models.UniqueConstraint(
                condition=~Q(channel="email") & ~Q(address=""),
                fields=("channel", "address", "canonical_address"),
                name="webhook_once_per_owner",
            ),
        ),
        migrations.AddConstraint(
            model_name="subscriber",
            constraint=models.CheckConstraint(
                condition=Q(address="", canonical_address="") | ~Q(address="") & ~Q(canonical_address=""),
                name="canonical_address_until_erased",
            ),
        ),
        migrations.AddIndex(
            model_name="subscriber",
            index=models.Index(condition=~Q(owner=""), fields=["canonical_address"], name="subscriber_owner"),
        ),
    ]
