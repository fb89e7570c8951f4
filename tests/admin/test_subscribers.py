"""The lists and pages of subscribers in the admin."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from incidents.models import Subscriber
from incidents.subscriptions import requests, service
from incidents.subscriptions.lifecycle import CONSENT_TEXT, Choices
from tests.admin.conftest import staff
from tests.factories import make_component, make_page, make_subscriber
from tests.subscriptions.visitor import confirmation_token, find

pytestmark = pytest.mark.django_db

LIST = "admin:incidents_subscriber_changelist"


def imported(address: str) -> Subscriber:
    return make_subscriber(address, consent_method="import", requested_at=None, confirmed_at=None)


def test_unknown_time_of_an_imported_consent_is_called_unknown(publisher: Client) -> None:
    subscriber = imported("anna@example.dk")
    pages = [reverse(LIST), reverse("admin:incidents_subscriber_change", args=[subscriber.pk])]
    assert [publisher.get(page).content.decode().count("time unknown") for page in pages] == [1, 2]
    danish = publisher.get(pages[0], headers={"Accept-Language": "da"}).content.decode()
    assert "tidspunkt ukendt" in danish


def test_sign_up_that_waits_for_confirmation_has_no_unknown_time(publisher: Client) -> None:
    subscriber = make_subscriber("anna@example.dk", state="pending", confirmed_at=None)
    page = publisher.get(reverse("admin:incidents_subscriber_change", args=[subscriber.pk])).content.decode()
    assert "time unknown" not in page


def test_unknown_times_are_last_in_both_directions(publisher: Client) -> None:
    now = timezone.now()
    imported("unknown@example.dk")
    make_subscriber("new@example.dk", requested_at=now)
    make_subscriber("old@example.dk", requested_at=now - timedelta(days=9))

    def order(direction: str) -> list[str]:
        rows = publisher.get(reverse(LIST), {"o": f"{direction}5"}).context["cl"].result_list
        return [row.address.partition("@")[0] for row in rows]

    assert order("") == ["old", "new", "unknown"]
    assert order("-") == ["new", "old", "unknown"]
    assert order("") == ["old", "new", "unknown"]


def test_staff_see_every_step_of_a_consent() -> None:
    make_page()
    choices = Choices("da", wants_maintenance=False, components=(make_component("mail"),))
    requests.store(requests.to_subscribe("anna@example.dk", choices))
    requests.process_due(timezone.now())
    subscriber = find("anna@example.dk")
    service.confirm(token=confirmation_token(subscriber))
    page = staff("reader", "view_subscriber").get(f"/admin/incidents/subscriber/{subscriber.pk}/change/")
    content = page.content.decode()
    for expected in ("Requested (1)", f"Form · {CONSENT_TEXT}", "Confirmed (1)", "Danish · incidents · mail"):
        assert expected in content
    assert "anna@" not in content
