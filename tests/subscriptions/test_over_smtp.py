"""The road of a subscriber over real SMTP, with nothing in hand but what stands in the mails."""

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
    """The path of the one link to a page of this name, the same in the text and in the HTML."""
    found: set[str] = {
        urlsplit(address).path
        for kind in ("plain", "html")
        for address in re.findall(rf"https://[^\s\"<>]+/subscription/{name}[^\s\"<>]*", mail.text(kind))
    }
    assert len(found) == 1
    return found.pop()


def newest_mail(smtp: ScriptedServer, address: str) -> Received:
    jobs.deliver(None, 100)
    return smtp.to(address)[-1]


def test_signing_up_choosing_leaving_and_being_forgotten(smtp: ScriptedServer) -> None:
    with time_machine.travel(datetime(2026, 11, 23, 12, 0, tzinfo=UTC)) as clock:
        make_page()
        ben = Visitor(clock, language="en")
        ben.sign_up("ben@example.com")
        asked = newest_mail(smtp, "ben@example.com")
        assert asked.message["Content-Language"] == "en"
        confirm = link(asked, "confirm")
        assert "Confirm your subscription" in text(ben.get(confirm))
        assert "You are subscribed" in text(ben.post(confirm))

        clock.shift(25 * 60 * 60)
        ben.sign_up("ben@example.com")
        told = newest_mail(smtp, "ben@example.com")
        one_click = str(told.message["List-Unsubscribe"]).strip("<>")
        assert told.message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"

        ben.post(ben.page("request_manage_link"), {"address": "ben@example.com"})
        manage = link(newest_mail(smtp, "ben@example.com"), "manage")
        assert "Your choices are saved." in text(ben.post(manage, {"language": "da", "wants_incidents": "on"}))

        answer = Client().post(urlsplit(one_click).path, {"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200
        assert (Subscriber.objects.get().state, Subscriber.objects.get().language) == ("unsubscribed", "da")

        ben.post(f"{manage}erase/")
        assert Subscriber.objects.get().address == ""
        assert len(smtp.to("ben@example.com")) == 3


def test_letters_are_in_the_language_that_was_chosen(smtp: ScriptedServer) -> None:
    with time_machine.travel(datetime(2026, 11, 23, 12, 0, tzinfo=UTC)) as clock:
        make_page()
        Visitor(clock, language="da").sign_up("ben@example.com", language="en")
        asked = newest_mail(smtp, "ben@example.com")
    assert asked.message["Content-Language"] == "en"
    assert link(asked, "confirm").startswith("/en/")
