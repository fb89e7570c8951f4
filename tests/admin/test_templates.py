"""Templates: written once, offered by the composer, filled in when the update is published."""

from datetime import UTC, datetime
from importlib import import_module

import pytest
import time_machine
from django.apps import apps
from django.test import Client

from incidents import operations
from incidents.models import Incident, UpdateTemplate
from incidents.operations import placeholders
from incidents.status import Kind, Phase, phases_of
from incidents.text import Text
from tests.actors import ANYBODY
from tests.admin.filling import send
from tests.admin.test_composing import NEW, update_address
from tests.factories import make_component, make_incident

pytestmark = pytest.mark.django_db
NOW = datetime(2023, 10, 10, 8, 0, tzinfo=UTC)


def make_template(phase: Phase = Phase.IDENTIFIED, **fields: Text) -> UpdateTemplate:
    named = {
        "name": Text(da="Prøve", en="Sample"),
        "text": Text(da="{components} er nede.", en="{components} is down."),
    }
    return operations.add_template(by=ANYBODY, fields={"kind": phase.kind, "phase": phase, **named, **fields})  # type: ignore[typeddict-item]


def test_fresh_page_has_templates_for_every_phase_in_both_languages_and_without_slips() -> None:
    UpdateTemplate.objects.all().delete()  # what the migration stored, if no test has emptied the tables yet
    import_module("incidents.migrations.0008_first_templates").add(apps, None)
    shipped = list(UpdateTemplate.objects.all())
    assert {one.phase for one in shipped} == {phase for kind in Kind for phase in phases_of(kind)}
    for one in shipped:
        assert set(one.text) == set(one.name) == {"da", "en"}
        operations.check_template(one)


def test_template_without_a_script_fills_the_form_and_keeps_what_was_typed(publisher: Client) -> None:
    template = make_template(title=Text(da="Fejl i {components}", en="Fault in {components}"))
    typed = {"template": template.pk, "title_da": "Min titel", "text_en": "Mine."}
    page = send(publisher, NEW, "template", **typed)
    assert page.status_code == 200
    form = page.context["form"]
    assert form["title"].value() == ["Min titel", "Fault in {components}"]
    assert form["text"].value() == ["{components} er nede.", "Mine.\n\n{components} is down."]
    assert form["phase"].value() == "identified"
    assert not Incident.objects.exists()


def test_placeholders_become_names_and_times_in_each_language_when_published(publisher: Client) -> None:
    one, two = make_component("mail"), make_component("web", position=1)
    text = {"text_da": "{components} siden {start}.", "text_en": "{components}, since {start}. Next: {next_update}"}
    with time_machine.travel(NOW, tick=False):
        send(
            publisher,
            NEW,
            title_da="Fejl: {components}",
            **text,
            next_update_by="2023-10-10T12:00",
            **{f"component-{each.pk}": "major_outage" for each in (one, two)},
        )
    update = Incident.objects.get().updates.get()
    assert update.text["da"] == "mail (da) og web (da) siden den 10. oktober 2023 kl. 10.00 CEST."
    assert update.text["en"].startswith("mail (en) and web (en), since 10 October 2023, 10:00 CEST. Next: 10 October")
    assert update.incident.title["da"] == "Fejl: mail (da) og web (da)"


def test_placeholder_that_nothing_is_known_for_is_refused_and_a_draft_keeps_it(publisher: Client) -> None:
    page = send(publisher, NEW, title_da="Fejl", text_da="{components} er nede. Mere {next_update}.")
    assert set(page.context["form"].errors) == {"text"}
    send(publisher, NEW, "draft", title_da="Fejl", text_da="{components} er nede.")
    assert Incident.objects.get().updates.get().text["da"] == "{components} er nede."


def test_draft_carries_its_promise_until_it_is_published(publisher: Client) -> None:
    with time_machine.travel(NOW, tick=False):
        incident = make_incident()
        send(publisher, update_address(incident), "draft", text_da="Mere.", next_update_by="2023-10-10T12:00")
        incident.refresh_from_db()
        assert incident.next_update_by is None
        operations.publish_draft(by=ANYBODY, update=incident.updates.get(published_at=None))
    incident.refresh_from_db()
    assert incident.next_update_by == datetime(2023, 10, 10, 10, 0, tzinfo=UTC)


def test_staff_write_templates_and_hear_of_a_slip_beside_the_field(publisher: Client) -> None:
    add = "/admin/incidents/updatetemplate/add/"
    fields = {
        "name_da": "Ny",
        "kind": "incident",
        "phase": "resolved",
        "position": "1",
        "text_da": "{component} virker.",
    }
    page = publisher.post(add, fields)
    assert "{component}" in str(page.context["adminform"].errors["text"])
    wrong = publisher.post(add, {**fields, "text_da": "Løst.", "phase": "completed"})
    assert "phase" in wrong.context["adminform"].errors
    assert publisher.post(add, {**fields, "text_da": "Løst."}).status_code == 302
    made = UpdateTemplate.objects.get(name={"da": "Ny"})
    address = f"/admin/incidents/updatetemplate/{made.pk}/"
    opened = publisher.get(f"{address}change/").context["adminform"].form["opened"].value()
    publisher.post(f"{address}change/", {**fields, "opened": opened, "text_da": "{components} virker."})
    made.refresh_from_db()
    assert placeholders.used(made.text) == {"components"}
    publisher.post(f"{address}delete/", {"post": "yes"})
    assert not UpdateTemplate.objects.filter(pk=made.pk).exists()
    assert b"Skabelon" in publisher.get("/admin/incidents/updatetemplate/", headers={"Accept-Language": "da"}).content
