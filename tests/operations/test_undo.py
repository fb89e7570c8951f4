"""Undo: an update whose announcement is held becomes a draft again, and the page is as it was."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from incidents import operations
from incidents.models import Announcement, Incident
from incidents.notifications import release
from incidents.status import ComponentStatus, Phase
from tests.actors import ANYBODY
from tests.admin.filling import filled
from tests.factories import make_component, make_incident, make_statement, make_update

pytestmark = pytest.mark.django_db


def test_last_word_is_taken_back_with_all_that_it_did() -> None:
    mail = make_component("mail")
    incident = make_incident(components={mail: ComponentStatus.MAJOR_OUTAGE})
    promise = timezone.now() + timedelta(hours=1)
    make_update(incident, Phase.IDENTIFIED, next_update_by=promise)
    final = make_update(incident, Phase.RESOLVED, notify=True, components={mail.pk: ComponentStatus.OPERATIONAL})
    draft = operations.undo_update(by=ANYBODY, update=final)
    incident.refresh_from_db()
    mail.refresh_from_db()
    assert (incident.phase, incident.ended_at, incident.next_update_by) == (Phase.IDENTIFIED, None, promise)
    assert mail.status == ComponentStatus.MAJOR_OUTAGE
    assert not draft.is_public
    assert Announcement.objects.get().cancelled_at
    again = operations.publish_draft(by=ANYBODY, update=draft)
    assert again.announcements.filter(cancelled_at=None).count() == 1


def test_incident_that_it_opened_is_a_draft_again() -> None:
    incident = make_incident(statement=make_statement(notify=True))
    operations.undo_update(by=ANYBODY, update=incident.updates.get())
    assert not Incident.objects.get().is_public
    assert not Incident.objects.get().is_withdrawn


def test_what_subscribers_are_being_told_is_not_taken_back() -> None:
    update = make_incident(statement=make_statement(notify=True)).updates.get()
    Announcement.objects.update(hold_until=timezone.now())
    assert release.release_due(timezone.now()) == 0  # the page is not written yet
    Announcement.objects.update(expanded_at=timezone.now())
    with pytest.raises(ValidationError):
        operations.undo_update(by=ANYBODY, update=update)
    update.refresh_from_db()
    assert update.is_public


def test_one_press_leads_back_to_the_text(publisher: Client) -> None:
    incident = make_incident(statement=make_statement(notify=True))
    undo = reverse("admin:incidents_incident_undo", args=[incident.pk, Announcement.objects.get().pk])
    assert undo in publisher.get(reverse("admin:incidents_incident_change", args=[incident.pk])).content.decode()
    assert publisher.get(undo).status_code == 405
    page = publisher.post(undo, follow=True)
    assert filled(page.context["form"])["text_da"] == "Vi har fundet fejlen."
    assert "Too late" in publisher.post(undo, follow=True).content.decode()


def test_resolving_offers_its_components_as_operational(publisher: Client) -> None:
    mail = make_component("mail")
    make_incident(components={mail: ComponentStatus.PARTIAL_OUTAGE})
    incident = make_incident(components={mail: ComponentStatus.MAJOR_OUTAGE})
    address = reverse("admin:incidents_incident_update", args=[incident.pk])
    form = publisher.get(f"{address}?phase=resolved").context["form"]
    assert filled(form)[f"component-{mail.pk}"] == "operational"
