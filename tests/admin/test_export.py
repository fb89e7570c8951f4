"""Staff who may see addresses export all of them, and see who exported them."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import translation

from tests.factories import make_subscriber

pytestmark = pytest.mark.django_db


@pytest.fixture
def address(publisher: Client) -> str:
    make_subscriber("anna@example.dk")
    return reverse("admin:incidents_subscriber_export")


def test_export_has_the_addresses_and_is_recorded(publisher: Client, address: str) -> None:
    assert reverse("admin:incidents_subscriber_changelist") != address
    assert address in publisher.get(reverse("admin:incidents_subscriber_changelist")).content.decode()
    assert "holds 1 subscriber with" in publisher.get(address).content.decode()
    answer = publisher.post(address)
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="subscribers-')
    content = b"".join(answer).decode()
    assert "anna@example.dk" in content
    page = publisher.get(address).content.decode()
    assert "karen. Exported 1 subscriber to subscribers-" in page
    assert "anna@example.dk" not in page


def test_imports_and_exports_by_command_are_listed(publisher: Client, address: str, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text("email\nbo@example.dk\n")
    with translation.override("en"):
        call_command("import_subscribers", str(file), "--by=karen", "--consent=Statuspage", stdout=StringIO())
        call_command("export_subscribers", str(tmp_path / "out.csv"), "--by=karen")
    page = publisher.get(address).content.decode()
    assert "Earlier imports and exports" in page
    exported = page.index("karen. Exported 2 subscribers to out.csv.")
    assert exported < page.index("karen. Imported 1 subscriber from list.csv (source of consent: Statuspage).")


def test_who_may_not_see_addresses_gets_no_export(viewer: Client, address: str) -> None:
    assert address not in viewer.get(reverse("admin:incidents_subscriber_changelist")).content.decode()
    assert viewer.get(address).status_code == 403
    assert viewer.post(address).status_code == 403
