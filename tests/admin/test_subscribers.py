import pytest
from django.utils import timezone

from incidents.subscriptions import requests, service
from incidents.subscriptions.lifecycle import CONSENT_TEXT, Choices
from tests.admin.conftest import staff
from tests.factories import make_component, make_page
from tests.subscriptions.visitor import confirmation_token, find

pytestmark = pytest.mark.django_db


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
