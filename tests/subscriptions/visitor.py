"""A visitor with a browser and a private mailbox."""

import re
from typing import Any

import time_machine
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from incidents import links
from incidents.links import Purpose
from incidents.models import Delivery, Subscriber
from incidents.subscriptions import requests
from incidents.subscriptions.lifecycle import Choices

HOME = "http://testserver"


class Visitor:
    """A browser without cookies: every response that sets one fails the test."""

    def __init__(self, clock: time_machine.Traveller, *, language: str = "da", network: str = "192.0.2.7") -> None:
        self.clock = clock
        self.language = language
        self.client = Client(enforce_csrf_checks=True, REMOTE_ADDR=network, HTTP_ORIGIN=HOME)

    def get(self, path: str, **headers: str) -> HttpResponse:
        return self._without_cookie(self.client.get(path, **headers))  # type: ignore[arg-type]

    def post(self, path: str, fields: dict[str, Any] | None = None, **headers: str) -> HttpResponse:
        """Send a form, process the stored request as a worker would, and return the response."""
        answer = self._without_cookie(self.client.post(path, fields or {}, **headers))  # type: ignore[arg-type]
        requests.process_due(timezone.now())
        return answer

    def page(self, name: str, *tokens: str) -> str:
        return links.dynamic(f"subscriptions:{name}", self.language, *tokens)

    def stamp(self) -> str:
        """Return the stamp of a form that was fetched some seconds ago."""
        found = re.search(r'name="stamp" value="([^"]+)"', self.get(self.page("subscribe")).content.decode())
        assert found is not None
        self.clock.shift(5)
        return found[1]

    def sign_up(self, address: str = "anna@example.dk", **fields: Any) -> HttpResponse:
        if "stamp" not in fields:
            fields["stamp"] = self.stamp()
        filled = {"address": address, "wants_incidents": "on", "wants_maintenance": "on", "scope": "all"}
        return self.post(self.page("subscribe"), {**filled, **fields})

    def confirm(self, subscriber: Subscriber) -> HttpResponse:
        return self.post(self.page("confirm", confirmation_token(subscriber)))

    def _without_cookie(self, answer: Any) -> HttpResponse:
        assert isinstance(answer, HttpResponse)
        assert not answer.cookies
        assert not self.client.cookies
        assert "Cookie" not in answer.headers.get("Vary", "")
        return answer


def request_sign_up(address: str, *, network: str) -> None:
    """Store and process a request from a network; without the form, so no time passes."""
    requests.store(requests.to_subscribe(address, Choices("da")), network=network)
    requests.process_due(timezone.now())


def confirmation_token(subscriber: Subscriber) -> str:
    return links.sign(Purpose.CONFIRM, f"{subscriber.pk}:{subscriber.opt_in_round}")


def connect_token(webhook: Subscriber) -> str:
    return links.sign(Purpose.CONNECT, f"{webhook.pk}:{webhook.opt_in_round}")


def unsubscribe_token(subscriber: Subscriber) -> str:
    return links.sign(Purpose.UNSUBSCRIBE, subscriber.pk)


def manage_token(subscriber: Subscriber) -> str:
    return links.sign(Purpose.MANAGE, f"{subscriber.pk}:{subscriber.opt_in_round}")


def find(address: str) -> Subscriber:
    """Return the email subscriber with this address."""
    return Subscriber.objects.by_mail(address).get()


def messages(address: str = "anna@example.dk") -> list[str]:
    """Return the kinds of messages sent to an address, oldest first."""
    sent = Delivery.objects.filter(subscriber__address__iexact=address).order_by("created_at", "id")
    return list(sent.values_list("letter", flat=True))


def text(answer: HttpResponse) -> str:
    """Return the text of the page's main content, without markup."""
    content = answer.content.decode().partition("<main")[2].partition("</main>")[0]
    return " ".join(re.sub(r"<[^>]*>", " ", content).split())
