"""The preview shows what readers will get, and leaves nothing behind."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from harness.deliveries import release_held
from incidents import operations
from incidents.models import Announcement, Incident, StaleSubject, Update
from incidents.status import ComponentStatus
from incidents.text import Text
from tests.actors import ANYBODY
from tests.admin.filling import filled
from tests.admin.test_composing import NEW, update_address
from tests.factories import make_component, make_incident, make_page, make_statement

pytestmark = pytest.mark.django_db


def preview(client: Client, composer: str, address: str, **typed: str) -> tuple[str, str]:
    """The preview's content, and the policy that holds for it."""
    form = client.get(composer).context["form"]
    answer = client.post(address, {**filled(form), **typed})
    assert answer.status_code == 200
    return answer.content.decode(), answer["Content-Security-Policy"]


def test_page_mail_and_feed_are_shown_in_each_language_and_nothing_is_stored(publisher: Client) -> None:
    make_page()
    titles = {"title_da": "Mail er nede", "title_en": "Mail is down"}
    typed = {**titles, "text_da": "Vi **ser** på det.", "text_en": "We **look**."}
    address = "/admin/incidents/incident/preview/"
    page, policy = preview(publisher, NEW, address, **typed, preview="page-da")
    assert "<strong>ser</strong>" in page
    assert "Undersøger" in page
    assert 'lang="da"' in page
    assert "frame-ancestors 'self'" in policy
    assert "sandbox" in policy
    assert "'unsafe-inline'" not in policy
    letter, _policy = preview(publisher, NEW, address, **typed, preview="mail-en")
    assert "[Nordhost status] Mail is down" in letter
    assert "Affected systems" not in letter
    feed, _policy = preview(publisher, NEW, address, **typed, preview="feed-en")
    assert "<strong>look</strong>" in feed
    assert not Incident.objects.exists()
    assert not Announcement.objects.exists()
    assert not StaleSubject.objects.exclude(subject="page").exists()


def test_update_is_shown_with_what_was_said_before_and_the_incident_stays(publisher: Client) -> None:
    mail = make_component("mail")
    incident = make_incident(components={mail: ComponentStatus.MAJOR_OUTAGE})
    typed = {"phase": "resolved", "text_da": "Løst.", "preview": "page-da", f"component-{mail.pk}": "operational"}
    address = f"/admin/incidents/incident/{incident.pk}/preview/"
    page, _policy = preview(publisher, update_address(incident), address, **typed)
    assert "Løst." in page
    assert "Vi har fundet fejlen." in page
    incident.refresh_from_db()
    mail.refresh_from_db()
    assert incident.phase == "identified"
    assert mail.status == ComponentStatus.MAJOR_OUTAGE
    assert Update.objects.count() == 1


def test_email_contains_the_report_and_keeps_the_subject(publisher: Client) -> None:
    make_page()
    incident = make_incident(statement=make_statement(notify=True))
    release_held(timezone.now() + timedelta(hours=1))
    details = {"workaround": Text(da="Brug webmail."), "title": Text(da="Mail og webmail er nede")}
    operations.edit_incident(by=ANYBODY, incident=incident, details=details)  # type: ignore[arg-type]
    address = f"/admin/incidents/incident/{incident.pk}/preview/"
    typed = {"phase": "mitigated", "text_da": "Det går bedre.", "preview": "mail-da"}
    shown, policy = preview(publisher, update_address(incident), address, **typed)
    assert "[Nordhost driftsstatus] Mail er forsinket" in shown
    assert "Mail og webmail er nede" in shown
    assert "Midlertidig løsning</h2>" in shown
    assert "Brug webmail." in shown
    assert "'unsafe-inline'" not in policy
    assert incident.updates.count() == 1


def test_every_form_shows_a_component_that_another_incident_affects_too(publisher: Client) -> None:
    mail = make_component("mail")
    make_incident(components={mail: ComponentStatus.MAJOR_OUTAGE})
    typed = {"title_da": "Træg mail", "text_da": "Vi ser på det.", f"component-{mail.pk}": "degraded_performance"}
    for kind in ("page", "mail", "feed"):
        for language in ("da", "en"):
            address = "/admin/incidents/incident/preview/"
            shown, _policy = preview(publisher, NEW, address, **typed, preview=f"{kind}-{language}")
            assert f"mail ({language})" in shown, (kind, language)


def test_what_is_missing_is_said_instead(publisher: Client) -> None:
    shown, _policy = preview(publisher, NEW, "/admin/incidents/incident/preview/", preview="page-en")
    assert "Write the text in at least one language." in shown


def test_preview_is_for_those_who_may_write(viewer: Client) -> None:
    incident = make_incident()
    assert viewer.post("/admin/incidents/incident/preview/").status_code == 403
    assert viewer.post(f"/admin/incidents/incident/{incident.pk}/preview/").status_code == 403
