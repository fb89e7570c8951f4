"""A text or document that cannot be rendered keeps nothing else from being published, and staff see which it is."""

import logging

import pytest
from django.test import Client
from django.urls import reverse

from incidents import markup, scheduler
from incidents.markup import dialect
from incidents.models import Incident, StaleSubject
from incidents.publishing.store.public_store import PublicStore
from incidents.text import Text
from tests.admin.filling import send
from tests.factories import make_incident, make_page, make_update
from tests.publishing.faults import refuse_documents_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("public_store", "published_at_once")]
TRAP = "Denne tekst rammer en fejl i **python-markdown**."


def stored(path: str) -> str:
    return (PublicStore().read(path) or b"").decode()


@pytest.fixture
def trap(monkeypatch: pytest.MonkeyPatch) -> None:
    convert = dialect.convert

    def trapped(text: str) -> str:
        if text == TRAP:
            raise IndexError("pop from empty list")
        return convert(text)

    monkeypatch.setattr(dialect, "convert", trapped)


@pytest.mark.usefixtures("trap")
def test_text_that_cannot_be_rendered_is_published_as_typed_with_all_others(caplog: pytest.LogCaptureFixture) -> None:
    make_page()
    caplog.set_level(logging.ERROR)
    markup._converted.cache_clear()
    trapped, other = make_incident(), make_incident()
    make_update(trapped, text=Text(da=TRAP))
    make_update(other, text=Text(da="**Mail** virker igen."))
    assert not StaleSubject.objects.exists()
    assert TRAP in stored(f"/da/incidents/{trapped.pk}/")
    assert "<strong>Mail</strong> virker igen." in stored(f"/da/incidents/{other.pk}/")
    feed = stored("/da/feed.atom")
    assert TRAP in feed
    assert "virker igen." in feed
    assert any(
        "shown as it was typed" in message and "pop from empty list" in caplog.text for message in caplog.messages
    )


def test_staff_see_which_incident_is_not_published_and_why_and_can_change_it(
    publisher: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_page()
    incident = make_incident(title=Text(da="Mail er forsinket", en="Mail is delayed"))
    with monkeypatch.context() as patch:
        refuse_documents_of(incident.pk, patch)
        make_update(incident)
        page = publisher.get(reverse("admin:index")).content.decode()
        assert "Mail is delayed (ValueError: poisoned)" in page
        for name in ("change", "details", "update"):
            address = reverse(f"admin:incidents_incident_{name}", args=[incident.pk])
            assert publisher.get(address).status_code == 200
        details = reverse("admin:incidents_incident_details", args=[incident.pk])
        assert send(publisher, details, "save", title_da="Rettet").status_code == 302
        assert Incident.objects.get().title["da"] == "Rettet"
        assert "Saved, but readers still see" in publisher.get(reverse("admin:index")).content.decode()
    scheduler.repair_store()
    assert not StaleSubject.objects.exists()
    assert "Rettet" in stored(f"/da/incidents/{incident.pk}/")
    assert "poisoned" not in publisher.get(reverse("admin:index")).content.decode()
