"""The right to publish, for everybody who could publish so far."""

from typing import Any

from django.contrib.auth.management import create_permissions
from django.db import migrations

KINDS = ("incident", "maintenance")


def keep_access(apps: Any, schema_editor: Any) -> None:
    """Whoever could add or change incidents could publish them, too."""
    config = apps.get_app_config("incidents")
    config.models_module = True  # without it, Django creates no permissions
    create_permissions(config, apps=apps, verbosity=0, using=schema_editor.connection.alias)
    config.models_module = None
    model = apps.get_model("auth", "Permission")
    kept = 0
    for kind in KINDS:
        of_kind = model.objects.filter(content_type__app_label="incidents")
        publish = of_kind.get(codename=f"publish_{kind}")
        so_far = of_kind.filter(codename__in=[f"add_{kind}", f"change_{kind}"])
        for holder in ("Group", "User"):
            rows = apps.get_model("auth", holder).objects
            rights = "permissions" if holder == "Group" else "user_permissions"
            for row in rows.filter(**{f"{rights}__in": so_far}).distinct():
                getattr(row, rights).add(publish)
                kept += 1
    if kept:
        print(
            "\n    Publishing has a right of its own now. All accounts and groups that could change incidents or "
            "maintenance have it,\n    so nobody has lost access. The new roles (groups: reader, writer, publisher, "
            "administrator) are in docs/people.md."
        )


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("incidents", "0036_staff_sessions"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="incident",
            options={
                "ordering": ("-started_at", "-id"),
                "permissions": [("publish_incident", "Can publish incident")],
                "verbose_name": "incident",
                "verbose_name_plural": "incidents",
            },
        ),
        migrations.AlterModelOptions(
            name="maintenance",
            options={
                "permissions": [("publish_maintenance", "Can publish planned maintenance")],
                "verbose_name": "planned maintenance",
                "verbose_name_plural": "planned maintenance",
            },
        ),
        migrations.RunPython(keep_access, migrations.RunPython.noop),
    ]
