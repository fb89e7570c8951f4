from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("incidents", "0010_mail_domains"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="affectedcomponent",
            options={
                "ordering": ("id",),
                "verbose_name": "affected component",
                "verbose_name_plural": "affected components",
            },
        ),
        migrations.AlterModelOptions(
            name="component",
            options={
                "ordering": ("position", "created_at", "id"),
                "verbose_name": "component",
                "verbose_name_plural": "components",
            },
        ),
        migrations.AlterModelOptions(
            name="componentgroup",
            options={
                "ordering": ("position", "created_at", "id"),
                "verbose_name": "component group",
                "verbose_name_plural": "component groups",
            },
        ),
        migrations.AlterModelOptions(
            name="incident",
            options={
                "ordering": ("-started_at", "-id"),
                "verbose_name": "incident",
                "verbose_name_plural": "incidents",
            },
        ),
    ]
