"""The sentence of what a correction, changed details or a confirmed draft will do, before the button is pressed."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client, override_settings
from django.urls import reverse
from django.utils.html import strip_tags
from pytest_django import Settings

from incidents import operations
from incidents.admin.addresses import incident_page
from incidents.models import Announcement, Delivery, Incident, Update
from incidents.operations import Statement
from incidents.status import ComponentStatus, Phase
from incidents.text import Text
from tests.actors import ANYBODY
from tests.admin.filling import filled
from tests.factories import make_component, make_incident, make_maintenance, make_subscriber
from tests.notifications.helpers import announced

pytestmark = pytest.mark.django_db
NOW = datetime(2023, 10, 10, 12, 0, tzinfo=UTC)  # 14:00 in Copenhagen
NOTHING = "Nothing is changed so far: nothing would be stored, and nobody is notified."


@pytest.fixture(autouse=True)
def clock(settings: Settings) -> Iterator[time_machine.Traveller]:
    settings.ANNOUNCEMENT_HOLD = 20
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def plain(html: str) -> str:
    return re.sub(r"\s+", " ", strip_tags(html)).replace("\xa0", " ").strip()


def asked(client: Client, address: str, incident: Incident, query: str, typed: dict[str, str]) -> str:
    form = client.get(address).context["form"]
    where = f"{reverse(f'admin:incidents_{incident.kind}_audience')}?incident={incident.pk}&{query}"
    before = list(Update.objects.order_by("pk").values()), list(Incident.objects.order_by("pk").values())
    response = client.post(where, {**filled(form), **typed})
    assert response.status_code == 200
    assert before == (list(Update.objects.order_by("pk").values()), list(Incident.objects.order_by("pk").values()))
    return plain(response.json()["html"])


def of_correction(client: Client, update: Update, **typed: str) -> str:
    address = incident_page(update.incident, "correct", update.pk)
    return asked(client, address, update.incident, f"correct={update.pk}", typed)


def of_details(client: Client, incident: Incident, **typed: str) -> str:
    return asked(client, incident_page(incident, "details"), incident, "details=1", typed)


def sent(text: Text) -> Update:
    """An update whose messages were sent."""
    with override_settings(ANNOUNCEMENT_HOLD=0):
        update = announced(text=text).update
    Delivery.objects.filter(state="queued").update(state="sent", sent_at=NOW)
    return update


def test_silent_correction_notifies_nobody_and_is_marked(publisher: Client) -> None:
    make_subscriber(language="da")
    said = of_correction(publisher, sent(Text(da="Fejl", en="Fault")), text_da="Fejlen")
    assert "at once. Nobody is notified. Readers see the mark “Edited”" in said
    assert "Reaches" not in said


def test_announced_correction_says_whom_and_when(publisher: Client) -> None:
    make_subscriber(language="da")
    said = of_correction(publisher, sent(Text(da="Fejl", en="Fault")), text_da="Fejlen", notify="yes")
    assert "Subscribers are notified 20 seconds later; until then you can cancel the message." in said
    assert "Reaches 1 person (Email, Danish: 1)." in said


def test_correction_that_changes_nothing_is_said_to_do_nothing(publisher: Client) -> None:
    assert of_correction(publisher, sent(Text(da="Fejl", en="Fault")), notify="yes", text_da="Fejl ") == NOTHING


def test_correction_without_a_text_says_what_is_wrong(publisher: Client) -> None:
    said = of_correction(publisher, sent(Text(da="Fejl", en="Fault")), text_en="")
    assert "Not everything is translated into English." in said


def test_translation_counts_only_those_who_got_the_other_language(publisher: Client) -> None:
    for language in ("da", "da", "en"):
        make_subscriber(language=language)
    update = sent(Text(da="Fejl"))
    make_subscriber(language="en")  # signed up afterwards
    said = of_correction(publisher, update, text_en="Fault")
    assert "Reaches 1 person (Email, English: 1)." in said
    assert "Readers see the text in English, without the mark “Edited”." in said
    silent = of_correction(publisher, update, text_en="Fault", notify_translation="no")
    assert "Nobody is notified." in silent
    assert "Reaches" not in silent


def test_correction_during_the_hold_is_part_of_the_message(publisher: Client) -> None:
    make_subscriber(language="da")
    update = announced(text=Text(da="Fejl", en="Fault")).update
    Announcement.objects.update(hold_until=NOW + timedelta(seconds=15), expanded_at=None)
    said = of_correction(publisher, update, text_da="Fejlen", notify="yes")
    assert "is still held and will contain it; nobody gets another one." in said


def test_correction_of_a_withdrawn_incident_is_not_seen(publisher: Client) -> None:
    update = sent(Text(da="Fejl", en="Fault"))
    operations.withdraw(by=ANYBODY, incident=update.incident)
    update.incident.refresh_from_db()
    assert "readers do not see it" in of_correction(publisher, update, text_da="Fejlen")


def test_details_name_what_changes_and_that_nobody_is_notified(publisher: Client) -> None:
    incident = make_incident()
    assert of_details(publisher, incident) == NOTHING
    said = of_details(publisher, incident, scope_da="Alle")
    assert re.fullmatch(r"Nobody is notified\. This changes for readers at once: [^,.]+\.", said)
    assert "First you see what the new times change." in of_details(publisher, incident, started_at="2023-10-01T08:00")


def test_details_that_somebody_else_changed_are_shown_first(publisher: Client) -> None:
    incident = make_incident()
    form = publisher.get(incident_page(incident, "details")).context["form"]
    operations.edit_incident(by=ANYBODY, incident=incident, details={"scope": Text(da="Theirs")})
    where = f"{reverse('admin:incidents_incident_audience')}?incident={incident.pk}&details=1"
    said = plain(publisher.post(where, {**filled(form), "scope_da": "Mine"}).json()["html"])
    assert said.startswith("Somebody else has saved something since.")


@pytest.mark.parametrize("typed", [{"title_da": "", "title_en": ""}, {"started_at": "yesterday"}])
def test_details_with_an_error_say_what_is_wrong(publisher: Client, typed: dict[str, str]) -> None:
    said = of_details(publisher, make_incident(), **typed)
    assert re.search(r"yet. (Title: Write the text in at least one language|Started: Enter a valid)", said)


def test_move_to_no_time_says_what_is_wrong(publisher: Client) -> None:
    planned = make_maintenance(start=NOW + timedelta(days=1), end=NOW + timedelta(days=1, hours=2))
    assert "Planned end: This field is required." in of_details(publisher, planned, scheduled_until="")


def test_correction_with_an_error_says_what_is_wrong(publisher: Client) -> None:
    update = sent(Text(da="Fejl", en="Fault"))
    said = of_correction(publisher, update, text_da="Fejlen", quote_url="no address")
    assert said == "This cannot be saved yet. Source of the quote: Enter a valid URL."


def test_moved_maintenance_says_whom_when_and_the_new_time(publisher: Client, clock: time_machine.Traveller) -> None:
    make_subscriber(language="da")
    planned = make_maintenance(start=NOW + timedelta(days=1), end=NOW + timedelta(days=1, hours=2))
    said = of_details(publisher, planned, scheduled_until="2023-10-11T18:00")
    assert "Subscribers are notified 20 seconds later; until then you can undo it. Reaches 1 person" in said
    assert "New planned time: 11 October 2023, 14:00–18:00 CEST." in said
    assert of_details(publisher, planned, scheduled_until="2023-10-11T18:00", notify="no").startswith("Nobody is")
    clock.shift(timedelta(minutes=1))
    operations.move_maintenance(
        by=ANYBODY, incident=planned, details={"scheduled_until": NOW + timedelta(days=1, hours=4)}
    )
    clock.shift(timedelta(seconds=5))
    planned.refresh_from_db()
    assert "They are notified of neither change." in of_details(publisher, planned, scheduled_until="2023-10-11T16:00")
    assert "It replaces the one about the earlier change" in of_details(
        publisher, planned, scheduled_until="2023-10-11T20:00"
    )


def test_unknown_or_foreign_corrections_are_not_found(publisher: Client) -> None:
    incident, other = make_incident(), make_incident()
    where = f"{reverse('admin:incidents_incident_audience')}?incident={incident.pk}"
    foreign = other.updates.get().pk
    for key in (foreign, "nonsense", "\0"):
        assert publisher.post(f"{where}&correct={key}", {}).status_code in {400, 404}


def confirmation(client: Client, draft: Update) -> str:
    page: Any = client.get(incident_page(draft.incident, "publish", draft.pk))
    return plain(page.content.decode())


def test_draft_to_confirm_says_whom_when_and_what_readers_see(publisher: Client) -> None:
    make_subscriber(language="en")
    web = make_component("web")
    incident = make_incident()
    statement = Statement(
        phase=Phase.IDENTIFIED, text=Text(da="Fundet"), components={web.pk: ComponentStatus.MAJOR_OUTAGE}
    )
    draft = operations.post_update(by=ANYBODY, incident=incident, statement=statement, draft=True)
    said = confirmation(publisher, draft)
    assert "Subscribers are notified 20 seconds later" in said
    assert "Reaches 1 person (Email, English: 1)." in said
    assert "Readers see “Problem identified” (web (en): Major outage)." in said
    assert "Not everything is translated into English." in said


def test_silent_draft_to_confirm_says_that_nobody_is_notified(publisher: Client) -> None:
    make_subscriber(language="en")
    statement = Statement(phase=Phase.IDENTIFIED, text=Text(da="Fundet", en="Found"), notify=False)
    said = confirmation(
        publisher, operations.post_update(by=ANYBODY, incident=make_incident(), statement=statement, draft=True)
    )
    assert "Nobody is notified." in said
    assert "Reaches" not in said
