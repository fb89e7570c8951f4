"""`/.well-known/security.txt` says where to report a vulnerability, and does not expire while the page is published."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from django.test import Client
from pytest_django import Settings

from incidents.models import Page
from incidents.publishing import stale
from incidents.publishing.store.changes import publish_stale
from incidents.publishing.store.public_store import PublicStore
from incidents.publishing.store.publisher import publish_all
from tests.factories import make_page

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2023, 12, 12, 10, 0, tzinfo=UTC)
CONTACT = "mailto:security@example.com"


@pytest.fixture
def contact(settings: Settings) -> None:
    settings.SECURITY_CONTACT = CONTACT


def fields(store: Path) -> dict[str, str]:
    text = (store / ".well-known/security.txt").read_text(encoding="ascii")
    assert text.endswith("\n")
    return dict(line.split(": ", 1) for line in text.splitlines())


@pytest.mark.usefixtures("contact")
def test_file_has_the_fields_of_rfc_9116(public_store: Path, settings: Settings) -> None:
    make_page()
    with time_machine.travel(NOW, tick=False):
        publish_all()
    assert fields(public_store) == {
        "Contact": CONTACT,
        "Expires": "2024-11-29T00:00:00Z",
        "Preferred-Languages": "da, en",
        "Canonical": f"{settings.SITE_URL}/.well-known/security.txt",
    }


@pytest.mark.usefixtures("contact")
def test_file_is_renewed_while_days_pass(public_store: Path) -> None:
    make_page()
    for day in range(0, 800, 40):
        now = NOW + timedelta(days=day)
        with time_machine.travel(now, tick=False):
            stale.mark_new_day()
            publish_stale()
        left = datetime.fromisoformat(fields(public_store)["Expires"]) - now
        assert timedelta(days=330) < left < timedelta(days=365)
    assert Page.objects.current().shown_day == now.date()


@pytest.mark.usefixtures("contact")
def test_copy_for_a_file_host_has_the_file(public_store: Path, tmp_path: Path) -> None:
    make_page()
    publish_all()
    PublicStore().copy_to(tmp_path / "copy")
    assert (tmp_path / "copy/.well-known/security.txt").exists()
    assert not list((tmp_path / "copy").glob(".written-by"))


def test_file_goes_with_its_setting(public_store: Path, settings: Settings) -> None:
    make_page()
    settings.SECURITY_CONTACT = CONTACT
    publish_all()
    settings.SECURITY_CONTACT = ""
    publish_all()
    assert not (public_store / ".well-known").exists()
    assert Client().get("/.well-known/security.txt").status_code == 404
