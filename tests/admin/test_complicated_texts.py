"""Texts that are too complicated to render are refused beside their field; stored ones stay usable."""

import email
from email import policy
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.html import escape

from incidents import operations
from incidents.markup.complexity import MAX_MARKS
from incidents.models import Announcement, Component, Incident, Update
from incidents.notifications.ledger.writer import ClaimedDelivery
from incidents.notifications.messages.email import render
from incidents.publishing.documents.feeds import Feed
from incidents.publishing.documents.pages import IncidentPage
from incidents.text import Text
from tests.actors import ANYBODY
from tests.admin.filling import send
from tests.factories import make_component, make_incident, make_page, make_subscriber
from tests.notifications.helpers import announced
from tests.publishing.documents.rendering import rendered

pytestmark = pytest.mark.django_db
NEW = "/admin/incidents/incident/add/"
MANY = "*a* " * MAX_MARKS
DEEP = "\n".join("  " * level + "- a" for level in range(12))
REFUSALS = {
    "da": [
        "På dansk: Teksten har for mange linjer og Markdown-tegn",
        "På engelsk: Teksten har lister eller citater inde i hinanden",
    ],
    "en": [
        "In Danish: This text has too many lines and Markdown marks",
        "In English: This text has lists or quotes inside each other",
    ],
}


def errors_of(form: Any, name: str) -> list[str]:
    return [str(error) for error in form.errors[name]]


def is_each(messages: list[str], beginnings: list[str]) -> bool:
    return len(messages) == len(beginnings) and all(map(str.startswith, messages, beginnings))


@pytest.mark.parametrize("language", ["da", "en"])
def test_composer_names_the_languages_beside_the_field_and_keeps_what_was_typed(
    publisher: Client, language: str
) -> None:
    publisher.defaults["HTTP_ACCEPT_LANGUAGE"] = language
    component = make_component("mail")
    typed = {
        "title_da": "Mail er forsinket",
        "title_en": "Mail is delayed",
        "text_da": MANY.strip(),
        "text_en": DEEP,
        "impact": "major",
        f"component-{component.pk}": "partial_outage",
    }
    response = send(publisher, NEW, **typed)
    form = response.context["form"]
    assert response.status_code == 422
    assert set(form.errors) == {"text"}
    assert is_each(errors_of(form, "text"), REFUSALS[language])
    page = response.content.decode()
    assert "field-wrong field-text" in page
    assert all(escape(value) in page for name, value in typed.items() if name.endswith(("_da", "_en")))
    assert {name: form.data[name] for name in typed} == typed
    assert not Incident.objects.exists()


@pytest.mark.parametrize("language", ["da", "en"])
def test_incident_form_names_the_languages_beside_the_field_and_keeps_what_was_typed(
    publisher: Client, language: str
) -> None:
    publisher.defaults["HTTP_ACCEPT_LANGUAGE"] = language
    incident = make_incident()
    address = reverse("admin:incidents_incident_details", args=[incident.pk])
    typed = {"root_cause_da": MANY.strip(), "root_cause_en": DEEP, "scope_da": "Alle.", "title_da": "Ny titel"}
    response = send(publisher, address, "save", **typed)
    form = response.context["form"]
    assert set(form.errors) == {"root_cause"}
    assert is_each(errors_of(form, "root_cause"), REFUSALS[language])
    page = response.content.decode()
    assert "field-wrong field-root_cause" in page
    assert all(escape(value) in page for value in typed.values())
    incident.refresh_from_db()
    assert incident.title["da"] == "Mail er forsinket"


def test_only_the_language_that_is_too_complicated_is_named() -> None:
    field = Incident._meta.get_field("root_cause")
    with pytest.raises(ValidationError) as refusal:
        field.clean({"da": "Kort.", "en": MANY}, None)
    assert len(refusal.value.error_list) == 1
    assert "engelsk" in refusal.value.messages[0]


@pytest.fixture
def stored() -> Incident:
    """An incident whose texts were stored before there were bounds."""
    make_page()
    incident = announced().update.incident
    Incident.objects.filter(pk=incident.pk).update(root_cause=Text(da=MANY, en="Power cut."))
    incident.updates.update(text=Text(da=MANY, en="Short."), quote=DEEP, quote_language="en")
    return Incident.objects.get(pk=incident.pk)


def test_other_fields_of_a_stored_text_beyond_the_bounds_can_be_changed(publisher: Client, stored: Incident) -> None:
    address = reverse("admin:incidents_incident_details", args=[stored.pk])
    assert send(publisher, address, "save", title_da="Ny titel").status_code == 302
    assert send(publisher, address, "save", root_cause_en="Fuse.").status_code == 302
    stored.refresh_from_db()
    assert stored.title["da"] == "Ny titel"
    assert stored.root_cause == Text(da=MANY, en="Fuse.")
    refused = send(publisher, address, "save", root_cause_da=MANY + "*b*")
    assert set(refused.context["form"].errors) == {"root_cause"}


def test_other_language_of_a_stored_update_beyond_the_bounds_can_be_corrected(stored: Incident) -> None:
    update = stored.updates.get()
    operations.correct_update(by=ANYBODY, update=update, text=Text(da=MANY, en="Corrected."))
    assert Update.objects.get().text["en"] == "Corrected."
    for changed in ({"text": Text(da=MANY + "*b*")}, {"text": update.text, "quote": f"- a\n{DEEP}"}):
        with pytest.raises(ValidationError):
            operations.correct_update(by=ANYBODY, update=update, **changed)


def test_component_with_a_stored_description_beyond_the_bounds_can_be_renamed() -> None:
    component = make_component("mail")
    with pytest.raises(ValidationError, match="På dansk"):
        Component(slug="web", name=Text(da="Web"), description=Text(da="|" * 900)).full_clean()
    Component.objects.filter(pk=component.pk).update(description=Text(da="|" * 900))
    component = Component.objects.get()
    component.name = Text(da="Post")
    component.full_clean()


def test_pages_feeds_mail_and_admin_show_a_stored_text_beyond_the_bounds(publisher: Client, stored: Incident) -> None:
    for page in (rendered(IncidentPage(), stored.pk, "da"), rendered(Feed("atom"), "", "da")):
        assert "*a* *a*" in page
    announcement = Announcement.objects.get()
    with translation.override("da"):
        assert "*a* *a*" in email_body(announcement)
    for name in ("change", "details", "update"):
        assert publisher.get(reverse(f"admin:incidents_incident_{name}", args=[stored.pk])).status_code == 200
    assert publisher.get(reverse("admin:incidents_incident_changelist")).status_code == 200


def email_body(announcement: Announcement) -> str:
    subscriber = make_subscriber("reader@example.dk")
    row = {"id": 1, "claimed_at": timezone.now(), "destination": "example.dk", "letter": "update", "language": "da"}
    row |= {"announcement_id": announcement.pk, "attempts": 0, "times_uncertain": 0, "trying_since": timezone.now()}
    row |= {"message_id": "<1.abc@status.example.dk>", "dated_at": timezone.now(), "subscriber_id": subscriber.pk}
    row |= {"address": "reader@example.dk", "opt_in_round": 1}
    content = render("update", "da", announcement).for_recipient(ClaimedDelivery(**row))  # type: ignore[arg-type]
    body = email.message_from_bytes(content, policy=policy.default).get_body(("plain",))
    assert body is not None
    return str(body.get_content())
