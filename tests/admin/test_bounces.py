"""The list of bounces: what staff see of emails that were not understood."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from incidents import links
from incidents.models import Bounce, Delivery
from incidents.subscriptions import returned_mail
from tests.factories import make_subscriber
from tests.notifications.bounces.helpers import sample
from tests.notifications.helpers import announced

LIST = "/admin/incidents/bounce/"


@pytest.fixture
def bounce(db: None, settings: Settings) -> Bounce:
    settings.ANNOUNCEMENT_HOLD = 0
    make_subscriber("karl@example.dk", confirmed_at=timezone.now() - timedelta(days=200))
    announced()
    address = f"bounces+{links.sign_bounce(Delivery.objects.get().pk)}@status.example.com"
    bounce = returned_mail.receive_bounce(raw=sample("person", address))
    assert bounce is not None
    return bounce


def test_email_that_was_not_understood_can_be_found_and_read(bounce: Bounce, publisher: Client) -> None:
    found = publisher.get(f"{LIST}?consequence__exact=unknown").content.decode()
    assert "Not understood: staff should read it" in found
    assert "er stoppet hos os" in found
    page = publisher.get(f"{LIST}{bounce.pk}/change/").content.decode()
    assert "Skriv til d…@example.dk i stedet." in page
    Bounce.objects.update(consequence="counted")
    assert "First lines" not in publisher.get(f"{LIST}{bounce.pk}/change/").content.decode()


def test_subject_takes_the_place_of_the_reply(bounce: Bounce, publisher: Client) -> None:
    # On a phone, only the first three columns are visible.
    row = publisher.get(LIST).content.decode().partition("<tbody>")[2]
    columns = re.findall(r'class="field-(\w+)', row)
    assert columns[:3] == ["full_address", "consequence", "reply_or_subject"]
    assert 'class="field-reply_or_subject">SV: k… er stoppet hos os</td>' in row
    Bounce.objects.update(consequence="counted", reply="5.2.2 full", subject="")
    assert 'class="field-reply_or_subject">5.2.2 full</td>' in publisher.get(LIST).content.decode()


def test_staff_who_see_no_addresses_do_not_see_what_a_person_wrote(bounce: Bounce, viewer: Client) -> None:
    for url in (LIST, f"{LIST}{bounce.pk}/change/"):
        page = viewer.get(url).content.decode()
        assert "Not understood" in page
        assert "stoppet" not in page
        assert "ansat" not in page


def test_delivery_status_links_to_what_staff_have_to_read(bounce: Bounce, publisher: Client) -> None:
    page = publisher.get("/admin/incidents/delivery/overview/").content.decode()
    assert f"{LIST}?consequence__exact=unknown" in page
    assert "1 email to a bounce address was not understood in the last seven days" in page
    assert "bounced in the last seven days" not in page
