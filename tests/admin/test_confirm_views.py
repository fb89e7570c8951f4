"""Actions with a confirmation page, corrections and details."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from harness.deliveries import release_held
from incidents import operations
from incidents.models import Announcement, Delivery, Incident, Update
from incidents.status import ComponentStatus, Phase
from incidents.text import Text
from tests.actors import ANYBODY
from tests.admin.filling import filled
from tests.factories import make_component, make_incident, make_maintenance, make_statement, make_subscriber

pytestmark = pytest.mark.django_db


def step(name: str, incident: Incident, *args: object) -> str:
    return reverse(f"admin:incidents_{incident.kind}_{name}", args=[incident.pk, *args])


def change(client: Client, address: str, **typed: str) -> Any:
    return client.post(address, {**filled(client.get(address).context["form"]), **typed})


def test_draft_is_published_after_a_question(publisher: Client) -> None:
    incident = make_incident(draft=True, statement=make_statement(notify=True))
    make_subscriber()
    draft = incident.updates.get()
    address = step("publish", incident, draft.pk)
    assert "Reaches 1 person" in publisher.get(address).content.decode()
    draft.refresh_from_db()
    assert not draft.is_public
    publisher.post(address)
    draft.refresh_from_db()
    assert draft.is_public


def test_draft_published_twice_is_told_once(publisher: Client) -> None:
    incident = make_incident(draft=True, statement=make_statement(notify=True))
    address = step("publish", incident, incident.updates.get().pk)
    publisher.post(address)
    second = publisher.post(address, follow=True)
    assert "published already" in second.content.decode()
    assert Announcement.objects.count() == 1


def test_discarding_the_only_draft_leads_back_to_the_list(publisher: Client) -> None:
    incident = make_incident(draft=True)
    response = publisher.post(step("discard", incident, incident.updates.get().pk))
    assert response["Location"] == reverse("admin:incidents_incident_changelist")
    assert not Incident.objects.exists()


def test_public_update_cannot_be_discarded(publisher: Client) -> None:
    incident = make_incident()
    response = publisher.post(step("discard", incident, incident.updates.get().pk), follow=True)
    assert "public already" in response.content.decode()
    assert Update.objects.count() == 1


def test_withdrawing_says_what_happens_and_takes_it_off_the_page(publisher: Client) -> None:
    mail = make_component("mail")
    incident = make_incident(components={mail: ComponentStatus.MAJOR_OUTAGE})
    asked = publisher.get(step("withdraw", incident)).content.decode()
    assert "Messages that have not been sent are discarded" in asked
    assert "Scheduled updates become drafts" in asked
    assert "publish it again as it was" in asked
    publisher.post(step("withdraw", incident))
    incident.refresh_from_db()
    mail.refresh_from_db()
    assert not incident.is_public
    assert mail.status == ComponentStatus.OPERATIONAL


def test_withdrawn_incident_says_so_and_offers_to_be_published_again(publisher: Client) -> None:
    incident = make_incident()
    publisher.post(step("withdraw", incident))
    answer = publisher.get(step("change", incident))
    page = answer.content.decode()
    assert "Readers no longer see it" in page
    addresses = [address for _label, address, _weight in answer.context["next_steps"]]
    assert addresses == [step("publish_again", incident), step("details", incident)]


def test_withdrawn_incident_is_published_again_after_a_question(publisher: Client) -> None:
    make_subscriber()
    mail = make_component("mail")
    incident = make_incident(components={mail: ComponentStatus.MAJOR_OUTAGE})
    publisher.post(step("withdraw", incident))
    assert "Only webhooks are notified" in publisher.get(step("publish_again", incident)).content.decode()
    incident.refresh_from_db()
    assert incident.is_withdrawn
    publisher.post(step("publish_again", incident))
    incident.refresh_from_db()
    mail.refresh_from_db()
    assert incident.is_public
    assert mail.status == ComponentStatus.MAJOR_OUTAGE
    assert not Announcement.objects.exists()


def test_incident_that_is_not_withdrawn_is_not_published_again(publisher: Client) -> None:
    for incident in (make_incident(), make_incident(draft=True)):
        was_public = incident.is_public
        response = publisher.post(step("publish_again", incident), follow=True)
        assert ("published already" if was_public else "not withdrawn") in response.content.decode()
        incident.refresh_from_db()
        assert incident.is_public == was_public


def test_draft_in_a_withdrawn_incident_is_not_offered_for_publication(publisher: Client) -> None:
    incident = make_incident()
    draft = operations.post_update(by=ANYBODY, incident=incident, statement=make_statement(), draft=True)
    assert step("publish", incident, draft.pk) in publisher.get(step("change", incident)).content.decode()
    publisher.post(step("withdraw", incident))
    assert step("publish", incident, draft.pk) not in publisher.get(step("change", incident)).content.decode()


def test_correction_in_a_withdrawn_incident_is_told_to_nobody(publisher: Client) -> None:
    incident = make_incident()
    update = incident.updates.get()
    publisher.post(step("withdraw", incident))
    change(publisher, step("correct", incident, update.pk), text_da="Rettet tekst.", notify="yes")
    update.refresh_from_db()
    assert update.text["da"] == "Rettet tekst."
    assert not Announcement.objects.exists()


def test_nobody_is_told_that_a_public_update_was_never_seen(publisher: Client) -> None:
    public, withdrawn = make_incident(), make_incident()
    operations.withdraw(by=ANYBODY, incident=withdrawn)
    for incident in (public, withdrawn):
        page = publisher.get(step("discard", incident, incident.updates.get().pk), follow=True).content.decode()
        assert "It was never public" not in page
        assert "public already" in page


def test_withdrawing_twice_says_that_it_is_withdrawn_already(publisher: Client) -> None:
    incident = make_incident()
    publisher.post(step("withdraw", incident))
    response = publisher.post(step("withdraw", incident), follow=True)
    assert "This was withdrawn already." in response.content.decode()


def test_announcement_is_taken_back_while_it_is_held(publisher: Client) -> None:
    incident = make_incident(statement=make_statement(notify=True))
    announcement = Announcement.objects.get()
    page = publisher.get(step("change", incident)).content.decode()
    assert step("cancel", incident, announcement.pk) in page
    publisher.post(step("cancel", incident, announcement.pk))
    announcement.refresh_from_db()
    incident.refresh_from_db()
    assert announcement.cancelled_at is not None
    assert incident.is_public
    assert step("cancel", incident, announcement.pk) not in publisher.get(step("change", incident)).content.decode()


def test_announcement_taken_back_too_late_says_so(publisher: Client) -> None:
    incident = make_incident(statement=make_statement(notify=True))
    announcement = Announcement.objects.get()
    Announcement.objects.update(expanded_at=announcement.hold_until)
    response = publisher.post(step("cancel", incident, announcement.pk), follow=True)
    assert "Too late" in response.content.decode()


def test_announcement_of_another_incident_is_not_found(publisher: Client) -> None:
    incident, other = make_incident(), make_incident(statement=make_statement(notify=True))
    assert publisher.post(step("cancel", incident, Announcement.objects.get().pk)).status_code == 404
    assert Announcement.objects.get(update__incident=other).cancelled_at is None


def test_get_takes_nothing_back(publisher: Client) -> None:
    incident = make_incident(statement=make_statement(notify=True))
    assert publisher.get(step("cancel", incident, Announcement.objects.get().pk)).status_code == 405


def test_slip_is_corrected_silently_and_the_earlier_text_kept(publisher: Client) -> None:
    incident = make_incident()
    update = incident.updates.get()
    change(publisher, step("correct", incident, update.pk), text_da="Rettet tekst.")
    update.refresh_from_db()
    assert update.text["da"] == "Rettet tekst."
    assert update.revisions.get().text["da"] == "Vi har fundet fejlen."
    assert not Announcement.objects.exists()
    assert "Earlier versions" in publisher.get(step("change", incident)).content.decode()


def test_correction_is_told_when_staff_say_so(publisher: Client) -> None:
    incident = make_incident()
    update = incident.updates.get()
    change(publisher, step("correct", incident, update.pk), text_da="Rettet tekst.", notify="yes")
    assert Announcement.objects.get().reason == Announcement.Reason.CORRECTION


def sent_in_danish(readers: int = 1) -> Update:
    for _each in range(readers):
        make_subscriber(language="en")
    update = make_incident(statement=make_statement(text=Text(da="Fejlen er fundet."), notify=True)).updates.get()
    release_held(timezone.now() + timedelta(minutes=1))
    Delivery.objects.update(state="sent", sent_at=timezone.now())
    return update


def test_translation_is_announced_to_those_who_got_the_other_language(publisher: Client) -> None:
    update = sent_in_danish(2)
    address = step("correct", update.incident, update.pk)
    assert "Notify the 2 subscribers who got it in the other language" in publisher.get(address).content.decode()
    change(publisher, address, text_en="Found.")
    answer = publisher.get(step("change", update.incident))
    assert "Translation added." in answer.content.decode()
    announcement = Announcement.objects.latest("id")
    assert (announcement.reason, announcement.is_held) == (Announcement.Reason.TRANSLATION, True)
    assert "Undo: back to draft" not in answer.content.decode()


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ({"text_en": "Found.", "notify_translation": "no"}, "update"),
        ({"text_en": "Found.", "notify_translation": "no", "notify": "yes"}, "update"),
        ({"text_en": "Found.", "text_da": "Fundet.", "notify": "yes"}, "correction"),
        ({"text_en": "Found.", "text_da": "Fundet."}, "update"),
        ({"text_da": "Fundet."}, "update"),
        ({"text_en": "Found.", "quote": "Down.", "quote_language": "en"}, "update"),
    ],
)
def test_choice_of_the_translation_is_for_translations_only(
    publisher: Client, typed: dict[str, str], reason: str
) -> None:
    update = sent_in_danish()
    change(publisher, step("correct", update.incident, update.pk), **typed)
    assert Announcement.objects.latest("id").reason == reason


def test_translation_that_nobody_waits_for_offers_no_choice(publisher: Client) -> None:
    update = make_incident(statement=make_statement(text=Text(da="Fejlen er fundet."))).updates.get()
    address = step("correct", update.incident, update.pk)
    assert "notify_translation" not in publisher.get(address).context["form"].fields
    change(publisher, address, text_en="Found.", notify="yes")
    update.refresh_from_db()
    assert update.text["en"] == "Found."
    assert not Announcement.objects.exists()


def test_correction_to_nothing_is_refused(publisher: Client) -> None:
    incident = make_incident()
    update = incident.updates.get()
    response = change(publisher, step("correct", incident, update.pk), text_da="", text_en=" ")
    assert set(response.context["form"].errors) == {"text"}


def test_source_of_a_quote_is_corrected(publisher: Client) -> None:
    statement = make_statement(quote="We know.", quote_language="en", quote_url="https://upstream.example/1")
    incident = make_incident(statement=statement)
    update = incident.updates.get()
    change(publisher, step("correct", incident, update.pk), quote_url="https://upstream.example/2")
    update.refresh_from_db()
    assert (update.quote, update.quote_url) == ("We know.", "https://upstream.example/2")
    assert update.revisions.get().quote_url == "https://upstream.example/1"
    page = publisher.get(step("correct", incident, update.pk)).content.decode()
    assert 'value="https://upstream.example/2"' in page


def test_details_are_changed_and_nothing_else(publisher: Client) -> None:
    incident = make_incident(scope=Text(da="Alle"))
    started = incident.started_at
    change(publisher, step("details", incident), workaround_da="Brug webmail.", impact="critical")
    incident.refresh_from_db()
    assert incident.workaround == {"da": "Brug webmail."}
    assert incident.impact == "critical"
    assert incident.scope == {"da": "Alle"}
    assert incident.started_at == started


def test_contradictory_details_are_refused_beside_the_field(publisher: Client) -> None:
    incident = make_incident()
    operations.post_update(by=ANYBODY, incident=incident, statement=make_statement(Phase.RESOLVED))
    response = change(publisher, step("details", incident), started_at="2999-01-01T00:00", scope_da="Nogle")
    assert set(response.context["form"].errors) == {"started_at"}
    assert "Nogle" in response.content.decode()


def test_who_did_what_is_noted(publisher: Client) -> None:
    incident = make_incident()
    change(publisher, step("details", incident), impact="major")
    history = publisher.get(reverse("admin:incidents_incident_history", args=[incident.pk]))
    assert "Changed the details of the incident." in history.content.decode()


def test_unknown_incident_is_not_found(publisher: Client) -> None:
    for name in ("change", "update", "details", "withdraw"):
        assert publisher.get(reverse(f"admin:incidents_incident_{name}", args=["nosuchoneata"])).status_code == 404


def test_maintenance_is_not_found_among_incidents(publisher: Client) -> None:
    incident = make_incident()
    address = reverse("admin:incidents_maintenance_change", args=[incident.pk])
    assert publisher.get(address).status_code == 404


def test_moved_maintenance_moves_in_the_history_too(publisher: Client) -> None:
    now = timezone.now().replace(second=0, microsecond=0)
    maintenance = make_maintenance(start=now + timedelta(days=1), end=now + timedelta(days=3))
    moved = timezone.make_naive(now + timedelta(days=2), ZoneInfo("Europe/Copenhagen"))
    change(publisher, step("details", maintenance), scheduled_for=f"{moved:%Y-%m-%dT%H:%M}")
    maintenance.refresh_from_db()
    assert maintenance.scheduled_for == maintenance.started_at == now + timedelta(days=2)
