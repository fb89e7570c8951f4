import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

WAITING = ["queued", "deferred", "uncertain"]
SKIP_REASONS = [
    ("unsubscribed", "Has unsubscribed"),
    ("unconfirmed", "Has not confirmed"),
    ("suspended", "Is suspended: the address refuses mail"),
    ("other_components", "Follows other components"),
    ("other_kind", "Does not want this kind"),
    ("withdrawn", "The incident was withdrawn"),
    ("superseded", "A newer update replaced it"),
    ("cancelled", "Staff stopped the announcement"),
    ("confirmed", "Has confirmed already"),
]


class Migration(migrations.Migration):
    dependencies = [("incidents", "0002_page_shown_day")]

    operations = [
        migrations.CreateModel(
            name="Destination",
            fields=[
                ("name", models.CharField(max_length=255, primary_key=True, serialize=False, verbose_name="name")),
                ("failing_since", models.DateTimeField(blank=True, null=True, verbose_name="in trouble since")),
                ("failures", models.PositiveIntegerField(default=0, verbose_name="failures in a row")),
                ("retry_at", models.DateTimeField(blank=True, null=True, verbose_name="next try")),
                ("reply_code", models.PositiveSmallIntegerField(blank=True, null=True, verbose_name="reply code")),
                ("reply", models.CharField(blank=True, max_length=500, verbose_name="reply")),
                ("updated_at", models.DateTimeField(auto_now=True)),
            ],
            options={"verbose_name": "destination", "verbose_name_plural": "destinations", "ordering": ("name",)},
        ),
        migrations.AddConstraint(
            "destination",
            models.CheckConstraint(
                condition=Q(failing_since__isnull=True, retry_at__isnull=True)
                | Q(failing_since__isnull=False, retry_at__isnull=False),
                name="destination_in_trouble_has_a_next_try",
            ),
        ),
        migrations.AddField(
            "announcement", "paused_at", models.DateTimeField(blank=True, null=True, verbose_name="paused")
        ),
        migrations.AddField(
            "delivery", "destination", models.CharField(blank=True, max_length=255, verbose_name="destination")
        ),
        migrations.AddField(
            "delivery", "times_uncertain", models.PositiveSmallIntegerField(default=0, verbose_name="times uncertain")
        ),
        migrations.AlterField(
            "delivery",
            "announcement",
            models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="deliveries",
                to="incidents.announcement",
                verbose_name="announcement",
            ),
        ),
        migrations.AlterField("delivery", "message_id", models.CharField(max_length=320, verbose_name="Message-ID")),
        migrations.AlterField(
            "delivery",
            "skip_reason",
            models.CharField(blank=True, choices=SKIP_REASONS, max_length=20, verbose_name="skipped because"),
        ),
        migrations.AddIndex(
            "delivery",
            models.Index(fields=["destination"], condition=Q(state__in=WAITING), name="delivery_destination"),
        ),
        migrations.AddConstraint(
            "delivery", models.UniqueConstraint(fields=["message_id"], name="message_id_is_used_once")
        ),
    ]
