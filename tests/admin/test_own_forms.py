"""Django's own forms and lists: Enter saves nothing, a status is set only once it is confirmed, the log is neutral."""

import re
from typing import Any

import pytest
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from incidents import operations
from incidents.admin.addresses import incident_page, list_page
from incidents.models import AuditEntry, Component, ComponentUpdate, Page
from incidents.status import ComponentStatus
from incidents.text import Text
from tests.actors import ANYBODY
from tests.admin.filling import filled
from tests.admin.test_templates import make_template
from tests.factories import make_component, make_group, make_incident

pytestmark = pytest.mark.django_db


def rows() -> list[Model]:
    component = make_component("mail", group=make_group())
    assert component.group is not None
    page = Page.objects.create(name=Text(da="Mail", en="Mail"))
    return [component, component.group, make_template(), page]


@pytest.mark.parametrize("number", range(4), ids=["component", "group", "template", "page"])
def test_first_button_of_a_form_saves_nothing(publisher: Client, number: int) -> None:
    row = rows()[number]
    address = reverse(f"admin:incidents_{row._meta.model_name}_change", args=[row.pk])
    response: Any = publisher.get(address)
    buttons = re.findall(r"<(?:button|input)[^>]*type=\"submit\"[^>]*>", response.content.decode().split("<main")[1])
    assert 'value="check"' in next(button for button in buttons if "language" not in button)
    typed = {**filled(response.context["adminform"].form), "name_da": "Andet", "name_en": "Other"}
    answer = publisher.post(address, {**typed, "action": "check"})
    assert answer.status_code == 200
    assert "Nothing has been saved yet." in answer.content.decode()
    assert "Other" in answer.content.decode()
    row.refresh_from_db()
    assert row.name["en"] != "Other"  # type: ignore[attr-defined]
    assert publisher.post(address, typed).status_code == 302
    row.refresh_from_db()
    assert row.name["en"] == "Other"  # type: ignore[attr-defined]


def hidden(html: str) -> dict[str, str]:
    form = html.split('class="composer"')[1]
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form))


def test_status_is_set_only_after_readers_view_was_shown(publisher: Client) -> None:
    mail = make_component("mail")
    make_incident(components={mail: ComponentStatus.MAJOR_OUTAGE})
    chosen = {"action": "set_degraded_performance", "_selected_action": [mail.pk], f"status-{mail.pk}": "major_outage"}
    asked = publisher.post(list_page("component"), chosen).content.decode()
    assert "Readers see this at once. Only webhooks are notified." in asked
    assert "Stays Major outage because of" in asked
    assert not AuditEntry.objects.filter(operation="set_component_status").exists()
    publisher.post(list_page("component"), hidden(asked))
    assert AuditEntry.objects.get(operation="set_component_status").object_id == mail.pk


def test_status_that_changed_while_it_was_confirmed_stays(publisher: Client) -> None:
    mail = make_component("mail")
    chosen = {"action": "set_degraded_performance", "_selected_action": [mail.pk], f"status-{mail.pk}": "operational"}
    asked = publisher.post(list_page("component"), chosen).content.decode()
    operations.set_component_status(by=ANYBODY, component=mail, status=ComponentStatus.MAJOR_OUTAGE)
    publisher.post(list_page("component"), hidden(asked))
    assert Component.objects.get(pk=mail.pk).status == ComponentStatus.MAJOR_OUTAGE
    assert not ComponentUpdate.objects.filter(new_status=ComponentStatus.DEGRADED_PERFORMANCE).exists()


def test_history_is_shown_in_the_readers_language(publisher: Client) -> None:
    mail, danish = make_component("mail"), {"Accept-Language": "da"}
    chosen = {"action": "set_major_outage", "_selected_action": [mail.pk], "confirmed": "yes"}
    publisher.post(list_page("component"), chosen, headers=danish)
    history = reverse("admin:incidents_component_history", args=[mail.pk])
    assert "Set the status of the component: Major outage." in publisher.get(history).content.decode()
    incident = make_incident()
    address = incident_page(incident, "details")
    form = publisher.get(address).context["form"]
    publisher.post(address, {**filled(form), "title_da": "Ny titel"}, headers=danish)
    assert "Changed the details of the incident." in publisher.get(incident_page(incident, "history")).content.decode()


def test_lists_offer_the_phases_of_their_kind_only(publisher: Client) -> None:
    incidents = publisher.get(list_page("incident")).content.decode()
    maintenance = publisher.get(list_page("maintenance")).content.decode()
    assert "phase__exact=investigating" in incidents
    assert "phase__exact=scheduled" not in incidents
    assert "impact__exact=maintenance" not in incidents
    assert "phase__exact=scheduled" in maintenance
    assert "phase__exact=investigating" not in maintenance
    make_incident()
    found = publisher.get(list_page("incident", "phase__exact=identified&impact__exact=minor"))
    assert (found.status_code, found.context["cl"].result_count) == (200, 1)
    assert publisher.get(list_page("incident", "phase__exact=resolved")).context["cl"].result_count == 0


def test_visibility_is_a_word(publisher: Client) -> None:
    make_incident(title=Text(da="Nede", en="Down"))
    make_component("mail")
    for name in ("incident", "component"):
        html = publisher.get(list_page(name)).content.decode()
        assert "icon-yes" not in html
        assert re.search(r'field-visibility"[^>]*>Yes<', html), name
