"""A subscriber's way through the pages, using only the links in emails received over SMTP."""

import re
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
import time_machine
from django.test import Client

from harness.smtp_server import Received, ScriptedServer
from incidents.models import Subscriber
from incidents.notifications import jobs
from tests.factories import make_page
from tests.subscriptions.visitor import Visitor, text

pytestmark = pytest.mark.django_db(transaction=True)


def link(mail: Received, name: str) -> str:
    """Return the path of the one link to a page of this name; text and HTML must agree."""
    found: set[str] = {
        urlsplit(address).path
        for kind in ("plain", "html")
        for address in re.findall(rf"https://[^\s\"<>]+/subscription/{name}[^\s\"<>]*", mail.text(kind))
    }
    assert len(found) == 1
    return found.pop()


def newest_email(smtp: ScriptedServer, address: str) -> Received:
    jobs.send_messages()
    return smtp.to(address)[-1]


def test_emails_lead_from_sign_up_through_choices_and_one_click_to_erasure(smtp: ScriptedServer) -> None:
    with time_machine.travel(datetime(2026, 11, 23, 12, 0, tzinfo=UTC)) as clock:
        make_page()
        ben = Visitor(clock, language="en")
        ben.sign_up("ben@example.com")
        confirmation = newest_email(smtp, "ben@example.com")
        assert confirmation.message["Content-Language"] == "en"
        confirm = link(confirmation, "confirm")
        assert "Confirm your subscription" in text(ben.get(confirm))
        assert "You are subscribed" in text(ben.post(confirm))

        clock.shift(25 * 60 * 60)
        ben.sign_up("ben@example.com")
        reminder = newest_email(smtp, "ben@example.com")
        one_click = str(reminder.message["List-Unsubscribe"]).strip("<>")
        assert reminder.message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"

        ben.post(link(reminder, "link"))  # outside the budget of strangers, which the reminder has used up
        manage = link(newest_email(smtp, "ben@example.com"), "manage")
        assert "Your choices are saved." in text(ben.post(manage, {"language": "da", "wants_incidents": "on"}))

        answer = Client().post(urlsplit(one_click).path, {"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200
        assert (Subscriber.objects.get().state, Subscriber.objects.get().language) == ("unsubscribed", "da")

        ben.post(f"{manage}erase/")
        assert Subscriber.objects.get().address == ""
        assert len(smtp.to("ben@example.com")) == 3


def test_emails_are_in_the_chosen_language(smtp: ScriptedServer) -> None:
    with time_machine.travel(datetime(2026, 11, 23, 12, 0, tzinfo=UTC)) as clock:
        make_page()
        Visitor(clock, language="da").sign_up("ben@example.com", language="en")
        confirmation = newest_email(smtp, "ben@example.com")
    assert confirmation.message["Content-Language"] == "en"
    assert link(confirmation, "confirm").startswith("/en/")
