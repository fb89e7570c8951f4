"""No table makes `import_subscribers` raise anything but CommandError, or store anything if it does."""

from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import transaction

from incidents.models import Subscriber
from incidents.subscriptions import tables
from tests.factories import make_component, make_subscriber

from .campaign import fuzz

pytestmark = pytest.mark.django_db

TEMPLATE = b"email,bo@example.dk,true,web\r\nsms,12345678,false\r\nemail,\xc3\xa6@example.dk\r\n"
EXPORT = b"Email;Created at;Quarantined at;Components\nanna@example.dk;2024-02-30 25:00 UTC;;Web, Mail\n"
QUOTED = b'\xef\xbb\xbfaddress,components,consent_text\n"anna@example.dk","web\nmail","sagde ""ja"""\n'


def test_any_table_is_imported_or_refused(tmp_path: Path) -> None:
    get_user_model().objects.create_user("anna", is_staff=True)
    for slug in ("web", "mail"):
        make_component(slug)
    make_subscriber("known@example.dk")
    own_export = "".join(tables.lines()).encode()
    file, report = tmp_path / "table.csv", tmp_path / "report.csv"

    def call(made: bytes) -> None:
        file.write_bytes(made)
        for unknown in ("refuse", "all"):
            options = {"by": "anna", "unknown_components": unknown, "report": report, "stdout": StringIO()}
            with transaction.atomic():
                before = Subscriber.objects.count()
                try:
                    call_command("import_subscribers", str(file), **options)
                except CommandError:
                    assert Subscriber.objects.count() == before
                transaction.set_rollback(True)

    fuzz(
        "import_table",
        call,
        seeds=(TEMPLATE, EXPORT, QUOTED, own_export),
        words=(b"address", b"email", b"state", b"active", b"language", b"time_zone", b"requested_at", b'"', b";"),
        number=60,
        longest=2_000,
    )
