"""Component updates: posts to webhooks about the status of a component.

On a million deliveries the new column costs nothing, because it has no default. The partial
index and the check constraint each read the table once, which takes about a second.
"""

from typing import Any

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import incidents.models.fields
import incidents.models.ids


def delete_component_posts(apps: Any, _schema_editor: object) -> None:
    # The former version cannot send them.
    apps.get_model("incidents", "Delivery").objects.filter(letter="component").delete()


class Migration(migrations.Migration):
    dependencies = [
        ("incidents", "0015_canonical_addresses"),
    ]

    operations = [
        migrations.AlterField(
            model_name="delivery",
            name="letter",
            field=models.CharField(
                choices=[
                    ("update", "Update"),
                    ("confirmation", "Confirmation"),
                    ("already_subscribed", "Already subscribed"),
                    ("manage", "Link to the subscription"),
                    ("follow", "Confirmation of following"),
                    ("webhook", "Confirmation of a webhook"),
                    ("code", "Code for a webhook"),
                    ("webhook_suspended", "Webhook suspended"),
                    ("component", "Component status"),
                ],
                default="update",
                max_length=20,
                verbose_name="message",
            ),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="skip_reason",
            field=models.CharField(
                blank=True,
                choices=[
                    ("unsubscribed", "Unsubscribed"),
                    ("unconfirmed", "Not confirmed"),
                    ("paused", "Has paused messages"),
                    ("suspended", "Suspended: the address refuses messages"),
                    ("other_components", "Subscribed to other components"),
                    ("other_kind", "Not subscribed to this kind"),
                    ("unfollowed", "No longer follows this incident"),
                    ("withdrawn", "The incident was withdrawn"),
                    ("superseded", "A newer update replaced it"),
                    ("cancelled", "Staff stopped the announcement"),
                    ("confirmed", "Already confirmed"),
                    ("hidden", "The component is no longer shown"),
                ],
                max_length=20,
                verbose_name="skipped because",
            ),
        ),
        migrations.AlterField(
            model_name="foldeddeliveries",
            name="skip_reason",
            field=models.CharField(
                blank=True,
                choices=[
                    ("unsubscribed", "Unsubscribed"),
                    ("unconfirmed", "Not confirmed"),
                    ("paused", "Has paused messages"),
                    ("suspended", "Suspended: the address refuses messages"),
                    ("other_components", "Subscribed to other components"),
                    ("other_kind", "Not subscribed to this kind"),
                    ("unfollowed", "No longer follows this incident"),
                    ("withdrawn", "The incident was withdrawn"),
                    ("superseded", "A newer update replaced it"),
                    ("cancelled", "Staff stopped the announcement"),
                    ("confirmed", "Already confirmed"),
                    ("hidden", "The component is no longer shown"),
                ],
                max_length=20,
                verbose_name="skipped because",
            ),
        ),
        migrations.CreateModel(
            name="ComponentUpdate",
            fields=[
                (
                    "id",
                    incidents.models.fields.IdField(
                        default=incidents.models.ids.new_id,
                        editable=False,
                        max_length=12,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "old_status",
                    models.CharField(
                        choices=[
                            ("operational", "Operational"),
                            ("degraded_performance", "Degraded performance"),
                            ("partial_outage", "Partial outage"),
                            ("major_outage", "Major outage"),
                            ("under_maintenance", "Under maintenance"),
                        ],
                        max_length=20,
                        verbose_name="status before",
                    ),
                ),
                (
                    "new_status",
                    models.CharField(
                        choices=[
                            ("operational", "Operational"),
                            ("degraded_performance", "Degraded performance"),
                            ("partial_outage", "Partial outage"),
                            ("major_outage", "Major outage"),
                            ("under_maintenance", "Under maintenance"),
                        ],
                        max_length=20,
                        verbose_name="status",
                    ),
                ),
                (
                    "page_status",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("operational", "Operational"),
                            ("degraded_performance", "Degraded performance"),
                            ("partial_outage", "Partial outage"),
                            ("major_outage", "Major outage"),
                            ("under_maintenance", "Under maintenance"),
                        ],
                        max_length=20,
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="created")),
                ("hold_until", models.DateTimeField(verbose_name="held until")),
                ("expanded_at", models.DateTimeField(blank=True, null=True, verbose_name="expanded")),
                ("cancelled_at", models.DateTimeField(blank=True, null=True, verbose_name="cancelled")),
                (
                    "component",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="status_updates",
                        to="incidents.component",
                        verbose_name="component",
                    ),
                ),
                (
                    "update",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="component_updates",
                        to="incidents.update",
                        verbose_name="update",
                    ),
                ),
            ],
            options={
                "verbose_name": "component update",
                "verbose_name_plural": "component updates",
                "ordering": ("-created_at", "-id"),
            },
        ),
        migrations.AddField(
            model_name="delivery",
            name="component_update",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="deliveries",
                to="incidents.componentupdate",
                verbose_name="component update",
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.UniqueConstraint(
                condition=models.Q(("component_update__isnull", False)),
                fields=("component_update", "subscriber"),
                name="one_component_post_per_subscriber",
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("channel", "webhook"), ("component_update__isnull", False), ("letter", "component")),
                    models.Q(models.Q(("letter", "component"), _negated=True), ("component_update__isnull", True)),
                    _connector="OR",
                ),
                name="only_component_posts_have_a_component",
            ),
        ),
        migrations.AddIndex(
            model_name="componentupdate",
            index=models.Index(fields=["component", "created_at"], name="component_update_history"),
        ),
        migrations.AddConstraint(
            model_name="componentupdate",
            constraint=models.UniqueConstraint(
                condition=models.Q(("cancelled_at__isnull", True), ("expanded_at__isnull", True)),
                fields=("component",),
                name="one_held_update_per_component",
            ),
        ),
        migrations.AddConstraint(
            model_name="componentupdate",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "new_status__in",
                        ["operational", "under_maintenance", "degraded_performance", "partial_outage", "major_outage"],
                    ),
                    (
                        "old_status__in",
                        ["operational", "under_maintenance", "degraded_performance", "partial_outage", "major_outage"],
                    ),
                    (
                        "page_status__in",
                        [
                            "",
                            "operational",
                            "under_maintenance",
                            "degraded_performance",
                            "partial_outage",
                            "major_outage",
                        ],
                    ),
                ),
                name="component_update_statuses_are_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="componentupdate",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("expanded_at__isnull", True),
                    models.Q(
                        ("cancelled_at__isnull", True),
                        models.Q(("page_status", ""), _negated=True),
                        models.Q(("old_status", models.F("new_status")), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="expanded_component_update_is_a_change",
            ),
        ),
        migrations.RunPython(migrations.RunPython.noop, delete_component_posts),
    ]
