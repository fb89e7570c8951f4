"""Details, corrections and confirmations that are sent twice are stored once, and the second answer says so."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client

from incidents import operations
from incidents.admin.addresses import incident_page
from incidents.models import Announcement
from incidents.status import Phase
from incidents.text import Text
from tests.actors import ANYBODY
from tests.admin.filling import filled
from tests.factories import make_incident, make_maintenance, make_statement

pytestmark = pytest.mark.django_db
NOW = datetime(2023, 10, 10, 12, 0, tzinfo=UTC)
REPEATED = "Nothing was done twice."


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def twice(client: Client, address: str, typed: dict[str, str] | None = None) -> str:
    """What the page says after the second press of the same form."""
    form = client.get(address).context.get("form")
    data = {**(filled(form) if form else {}), **(typed or {})}
    first = client.post(address, data)
    assert first.status_code == 302
    assert REPEATED not in client.get(first["Location"]).content.decode()
    second = client.post(address, data)
    assert second.status_code == 302
    return client.get(second["Location"]).content.decode()


def test_moved_maintenance_with_a_reason(publisher: Client, clock: time_machine.Traveller) -> None:
    planned = make_maintenance(start=NOW + timedelta(days=1), end=NOW + timedelta(days=1, hours=2))
    clock.shift(timedelta(minutes=1))
    typed = {"scheduled_until": "2023-10-11T18:00", "move_text_en": "The disk is late."}
    assert REPEATED in twice(publisher, incident_page(planned, "details"), typed)
    assert Announcement.objects.count() == 1
    assert planned.updates.count() == 2


def test_details(publisher: Client) -> None:
    assert REPEATED in twice(publisher, incident_page(make_incident(), "details"), {"scope_da": "Alle"})


def test_untouched_details_are_not_said_to_be_repeated(publisher: Client) -> None:
    incident = make_incident()
    address = incident_page(incident, "details")
    response = publisher.post(address, filled(publisher.get(address).context["form"]))
    assert "Nothing changed." in publisher.get(response["Location"]).content.decode()


def test_correction(publisher: Client) -> None:
    update = make_incident().updates.get()
    address = incident_page(update.incident, "correct", update.pk)
    assert REPEATED in twice(publisher, address, {"text_da": "Rettet", "notify": "yes"})
    assert update.revisions.count() == 1


def test_withdrawal_and_publication_again(publisher: Client) -> None:
    incident = make_incident()
    assert REPEATED in twice(publisher, incident_page(incident, "withdraw"))
    assert REPEATED in twice(publisher, incident_page(incident, "publish_again"))


def test_discarded_draft(publisher: Client) -> None:
    incident = make_incident()
    statement = make_statement(Phase.IDENTIFIED, text=Text(da="Kladde"))
    draft = operations.post_update(by=ANYBODY, incident=incident, statement=statement, draft=True)
    assert REPEATED in twice(publisher, incident_page(incident, "discard", draft.pk))
