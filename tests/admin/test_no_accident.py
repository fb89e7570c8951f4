"""Enter in a text field presses the first button of its form: it stores a draft, or nothing."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from incidents import operations
from incidents.admin.addresses import incident_page
from incidents.models import Announcement, Incident, Update
from incidents.status import Phase
from tests.actors import ANYBODY
from tests.admin.filling import filled
from tests.factories import make_incident, make_statement

pytestmark = pytest.mark.django_db


def over() -> Incident:
    incident = make_incident(started_at=timezone.now() - timedelta(hours=5))
    operations.post_update(by=ANYBODY, incident=incident, statement=make_statement(phase=Phase.RESOLVED))
    incident.refresh_from_db()
    return incident


def press_enter(client: Client, address: str, **typed: str) -> object:
    """What a browser sends: the first submit button of the form, in the order of the page."""
    response = client.get(address, follow=True)
    if response.redirect_chain:
        address = response.redirect_chain[-1][0]
    main = re.search(
        r'<form[^>]*class="composer".*?</form>|<form[^>]*data-once.*?</form>', response.content.decode(), re.S
    )
    assert main
    # The script removes the button of the templates.
    buttons = [one for one in re.findall(r"<button[^>]*>", main[0]) if 'type="submit"' in one and "data-use" not in one]
    value = re.search(r'value="(\w+)"', buttons[0])
    name = re.search(r'name="(\w+)"', buttons[0])
    pressed = {name[1]: value[1]} if name and value else {}
    return client.post(address, {**filled(response.context["form"]), **typed, **pressed})


def test_enter_in_an_update_of_an_incident_that_is_over_saves_a_draft(publisher: Client) -> None:
    incident = over()
    before = Announcement.objects.count()
    press_enter(publisher, incident_page(incident, "update"), text_da="Halv")
    assert Update.objects.get(published_at=None).text == {"da": "Halv"}
    assert Announcement.objects.count() == before


def test_draft_of_a_postmortem_is_published_later(publisher: Client) -> None:
    incident = over()
    press_enter(publisher, f"{incident_page(incident, 'update')}?phase=postmortem", text_da="Hvad der skete.")
    draft = Update.objects.get(published_at=None)
    assert draft.phase == Phase.POSTMORTEM
    publisher.post(incident_page(incident, "publish", draft.pk))
    draft.refresh_from_db()
    assert draft.is_public


def test_enter_while_reopening_stores_nothing_and_keeps_the_text(publisher: Client) -> None:
    incident = over()
    count = Update.objects.count()
    response = press_enter(publisher, f"{incident_page(incident, 'update')}?reopen=1", text_da="Igen nede")
    assert Update.objects.count() == count
    assert "Igen nede" in response.content.decode()  # type: ignore[attr-defined]
    assert "Nothing has been saved yet." in response.content.decode()  # type: ignore[attr-defined]
    incident.refresh_from_db()
    assert incident.is_over


def test_enter_in_a_correction_stores_nothing(publisher: Client) -> None:
    incident = make_incident()
    update = incident.updates.get()
    response = press_enter(publisher, incident_page(incident, "correct", update.pk), text_da="Rettet tekst")
    assert "Nothing has been saved yet." in response.content.decode()  # type: ignore[attr-defined]
    assert "Rettet tekst" in response.content.decode()  # type: ignore[attr-defined]
    assert Update.objects.get().text == update.text


def test_enter_in_the_details_stores_nothing(publisher: Client) -> None:
    incident = make_incident()
    for typed in ({"scope_da": "Alle"}, {"started_at": "2023-10-10T08:00"}):
        response = press_enter(publisher, incident_page(incident, "details"), **typed)
        assert "Nothing has been saved yet." in response.content.decode()  # type: ignore[attr-defined]
        assert next(iter(typed.values())) in response.content.decode()  # type: ignore[attr-defined]
    started = incident.started_at
    incident.refresh_from_db()
    assert (incident.scope, incident.started_at) == ({}, started)
