"""Alerts from monitoring, the rules that make incidents of them, and a scope of tokens that send them."""

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import incidents.models.fields
import incidents.models.ids
import incidents.status


class Migration(migrations.Migration):
    dependencies = [
        ("incidents", "0051_keys"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="AlertGroup",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(blank=True, max_length=500)),
                ("firing_since", models.DateTimeField()),
                ("quiet_since", models.DateTimeField(null=True)),
                ("opened_at", models.DateTimeField(null=True)),
                ("closed_at", models.DateTimeField(null=True)),
                ("failure", models.CharField(blank=True, max_length=500)),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="AlertRule",
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
                ("key", models.CharField(editable=False, max_length=60, unique=True)),
                ("name", models.CharField(help_text="Only staff see it.", max_length=100, verbose_name="name")),
                (
                    "position",
                    models.PositiveIntegerField(
                        default=0,
                        help_text="Smaller numbers come first. The first rule that fits an alert is used.",
                        verbose_name="position",
                    ),
                ),
                ("is_active", models.BooleanField(default=True, verbose_name="in use")),
                (
                    "conditions",
                    models.TextField(
                        blank=True,
                        help_text="One on each line, and all must hold: “severity = critical | high”, “instance = web-*”, “env != test”. Without any, the rule is for every alert.",
                        max_length=2000,
                        verbose_name="conditions on labels",
                    ),
                ),
                (
                    "component_label",
                    models.CharField(
                        blank=True,
                        help_text="Its value is the component’s short name or id. Without such a component, the one above is used.",
                        max_length=100,
                        verbose_name="label that names the component",
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("degraded_performance", "Degraded performance"),
                            ("partial_outage", "Partial outage"),
                            ("major_outage", "Major outage"),
                        ],
                        default=incidents.status.ComponentStatus["PARTIAL_OUTAGE"],
                        max_length=20,
                        verbose_name="status of the component",
                    ),
                ),
                (
                    "impact",
                    models.CharField(
                        choices=[("none", "None"), ("minor", "Minor"), ("major", "Major"), ("critical", "Critical")],
                        default=incidents.status.Impact["MAJOR"],
                        max_length=12,
                        verbose_name="impact",
                    ),
                ),
                (
                    "publish",
                    models.BooleanField(
                        default=False,
                        help_text="Otherwise it is a draft, and staff are alerted.",
                        verbose_name="publish without a person",
                    ),
                ),
                ("notify", models.BooleanField(default=False, verbose_name="notify subscribers")),
                (
                    "resolve",
                    models.BooleanField(
                        default=True,
                        help_text="Once all its alerts have ended, unless a person has posted an update since it was opened.",
                        verbose_name="resolve without a person",
                    ),
                ),
                (
                    "group_by",
                    models.CharField(
                        blank=True,
                        help_text="Labels, separated by commas. Without any, all alerts of this rule make one incident.",
                        max_length=200,
                        verbose_name="one incident for each",
                    ),
                ),
                (
                    "hold",
                    models.PositiveIntegerField(
                        default=60,
                        help_text="An alert that ends before opens nothing.",
                        validators=[django.core.validators.MaxValueValidator(86400)],
                        verbose_name="seconds before it is opened",
                    ),
                ),
                (
                    "quiet",
                    models.PositiveIntegerField(
                        default=300,
                        help_text="An alert that comes back before belongs to the same incident.",
                        validators=[django.core.validators.MaxValueValidator(86400)],
                        verbose_name="seconds before it is resolved",
                    ),
                ),
                (
                    "minimum_open",
                    models.PositiveIntegerField(
                        default=600,
                        validators=[django.core.validators.MaxValueValidator(86400)],
                        verbose_name="seconds that it is open at least",
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
            ],
            options={
                "verbose_name": "alert rule",
                "verbose_name_plural": "alert rules",
            },
        ),
        migrations.CreateModel(
            name="MonitoringAlert",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("fingerprint", models.CharField(max_length=64, unique=True)),
                ("labels", models.JSONField(verbose_name="labels")),
                ("summary", models.CharField(blank=True, max_length=500, verbose_name="summary")),
                ("link", models.CharField(blank=True, max_length=1000, verbose_name="link")),
                ("fired_at", models.DateTimeField(verbose_name="began")),
                ("ended_at", models.DateTimeField(null=True, verbose_name="ended")),
                ("received_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="received")),
                ("sender", models.CharField(max_length=120, verbose_name="sent with")),
            ],
            options={
                "verbose_name": "alert from monitoring",
                "verbose_name_plural": "alerts from monitoring",
                "ordering": ("-received_at", "-id"),
                "default_permissions": ("add", "view"),
            },
        ),
        migrations.RemoveConstraint(
            model_name="apitoken",
            name="api_token_scopes_are_known",
        ),
        migrations.AlterField(
            model_name="apitoken",
            name="scopes",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(
                    choices=[
                        ("read", "Read"),
                        ("draft", "Write drafts"),
                        ("publish", "Publish and notify"),
                        ("components", "Set component statuses"),
                        ("alerts", "Send alerts from monitoring"),
                        ("subscribers", "Manage subscribers"),
                        ("admin", "Change components and the page"),
                    ],
                    max_length=16,
                ),
                size=None,
                verbose_name="scopes",
            ),
        ),
        migrations.AddConstraint(
            model_name="apitoken",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "scopes__contained_by",
                        ["read", "draft", "publish", "components", "alerts", "subscribers", "admin"],
                    ),
                    ("scopes__len__gt", 0),
                ),
                name="api_token_scopes_are_known",
            ),
        ),
        migrations.AddField(
            model_name="alertgroup",
            name="incident",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="alert_groups",
                to="incidents.incident",
            ),
        ),
        migrations.AddField(
            model_name="alertgroup",
            name="latest_update",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="incidents.update"
            ),
        ),
        migrations.AddField(
            model_name="alertrule",
            name="component",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="incidents.component",
                verbose_name="component",
            ),
        ),
        migrations.AddField(
            model_name="alertrule",
            name="final_template",
            field=models.ForeignKey(
                blank=True,
                help_text="Without it, the update says “Resolved.”.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="incidents.updatetemplate",
                verbose_name="template for the end",
            ),
        ),
        migrations.AddField(
            model_name="alertrule",
            name="template",
            field=models.ForeignKey(
                help_text="Its title, phase and text open the incident.",
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="incidents.updatetemplate",
                verbose_name="template for the beginning",
            ),
        ),
        migrations.AddField(
            model_name="alertgroup",
            name="rule",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="groups", to="incidents.alertrule"
            ),
        ),
        migrations.AddField(
            model_name="monitoringalert",
            name="component",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="incidents.component",
                verbose_name="component",
            ),
        ),
        migrations.AddField(
            model_name="monitoringalert",
            name="covered_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="covered_alerts",
                to="incidents.incident",
            ),
        ),
        migrations.AddField(
            model_name="monitoringalert",
            name="group",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="alerts",
                to="incidents.alertgroup",
            ),
        ),
        migrations.AddField(
            model_name="monitoringalert",
            name="rule",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="alerts",
                to="incidents.alertrule",
                verbose_name="alert rule",
            ),
        ),
        migrations.AddIndex(
            model_name="alertgroup",
            index=models.Index(condition=models.Q(("closed_at", None)), fields=["id"], name="alert_group_open"),
        ),
        migrations.AddConstraint(
            model_name="alertgroup",
            constraint=models.UniqueConstraint(
                condition=models.Q(("closed_at", None)), fields=("rule", "key"), name="one_open_alert_group"
            ),
        ),
        migrations.AddIndex(
            model_name="monitoringalert",
            index=models.Index(fields=["-received_at", "-id"], name="monitoring_alert_newest"),
        ),
    ]
