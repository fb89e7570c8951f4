"""Keep emails to bounce addresses that are not understood."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("incidents", "0023_holders"),
    ]

    operations = [
        migrations.AddField(
            model_name="bounce",
            name="excerpt",
            field=models.TextField(blank=True, max_length=1000, verbose_name="first lines"),
        ),
        migrations.AddField(
            model_name="bounce",
            name="sender_domain",
            field=models.CharField(blank=True, max_length=255, verbose_name="domain of the sender"),
        ),
        migrations.AddField(
            model_name="bounce",
            name="subject",
            field=models.CharField(blank=True, max_length=200, verbose_name="subject"),
        ),
        migrations.AlterField(
            model_name="bounce",
            name="consequence",
            field=models.CharField(
                choices=[
                    ("suspended", "Subscriber suspended: the address does not exist"),
                    ("given_up", "Subscriber suspended: refused on too many days"),
                    ("counted", "Counted: refused this time"),
                    ("policy", "Refused by policy: staff must investigate"),
                    ("passing", "Given up by another server after a temporary failure; no action"),
                    ("delayed", "Delayed and still being retried; no action"),
                    ("complained", "Unsubscribed: the reader reported it as spam"),
                    ("unknown", "Not understood: staff should read it"),
                ],
                max_length=12,
                verbose_name="consequence",
            ),
        ),
    ]
