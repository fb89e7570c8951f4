"""The pages that are computed per request, as the product answers on the site that `hardest` fills."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from wsgiref.types import StartResponse, WSGIEnvironment

from django.conf import settings
from django.test import Client, RequestFactory
from django.utils import translation

from incidents import links
from incidents.links import Purpose
from incidents.models import Component, Incident, Subscriber
from incidents.public_site.fallback import REFUSALS, Fallback
from statuspage import error_pages
from tests.factories import make_subscriber
from tests.publishing.hardest import HOST, WORD, ago
from tests.support.wsgi import ask

SAME_SITE = "http://testserver"


@dataclass
class Answers:
    """Stored bodies by path, served in place of Django."""

    bodies: dict[str, bytes] = field(default_factory=dict)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        body = self.bodies.get(environ["PATH_INFO"], b"")
        start_response("200 OK" if body else "404 Not Found", [("Content-Type", "text/html; charset=utf-8")])
        return [body]

    def add(self, language: str) -> list[str]:
        """Store each page of a language under `/<language>/~<kind>/`; return the kinds."""
        kinds = []
        with translation.override(language):
            for kind, body in [*_forms(language), *_of_readers(language), *_errors(language)]:
                self.bodies[f"/{language}/~{kind}/"] = body
                kinds.append(kind)
        return kinds


def _forms(language: str) -> Iterator[tuple[str, bytes]]:
    worst = Incident.objects.ongoing().worst_first()[0]
    wrong = {"address": f"{WORD} at example.com", "language": "xx", "scope": "some", "url": f"http://{HOST}/"}
    for kind, *arguments in [("subscribe",), ("subscribe_webhook",), ("follow", worst.pk), ("request_manage_link",)]:
        path = links.dynamic(f"subscriptions:{kind}", language, *arguments)
        yield kind, Client().get(path).content
        yield f"{kind}-refused", Client(HTTP_ORIGIN=SAME_SITE).post(path, wrong).content
    path = links.dynamic("subscriptions:subscribe", language)
    yield "from-another-site", Client(HTTP_ORIGIN="https://other.example").post(path, wrong).content
    over = Incident.objects.public().ended_since(ago(days=100)).newest_first()[0]
    yield "not-followed", Client().get(links.dynamic("subscriptions:follow", language, over.pk)).content
    yield "wrong-method", Client().put(path).content
    for number, query in enumerate(("mail", "findes ikke", WORD * 3)):
        yield (
            f"search-{number}",
            Client(REMOTE_ADDR=f"192.0.2.{number}").get(links.search(language), {"q": query}).content,
        )


def _of_readers(language: str) -> Iterator[tuple[str, bytes]]:
    address = f"{WORD.lower()[:50]}-{language}@{WORD.lower()[:60]}.example.com"
    subscriber = make_subscriber(address, language=language, paused_until=ago(days=-3))
    subscriber.components.set(Component.objects.all()[:7])
    webhook = make_subscriber(
        f"https://{language}-{WORD.lower()[:50]}.example.com/{WORD}/{WORD}",
        owner=address,
        channel=Subscriber.Channel.WEBHOOK,
    )
    own, other = (links.sign(Purpose.MANAGE, f"{one.pk}:{one.opt_in_round}") for one in (subscriber, webhook))
    leave = links.sign(Purpose.UNSUBSCRIBE, subscriber.pk)
    old = links.sign(Purpose.MANAGE, f"{subscriber.pk}:{subscriber.opt_in_round}", ago(days=300))
    for kind, name, token in [
        ("manage", "manage", own),
        ("manage-webhook", "manage", other),
        ("webhook-log", "webhook", other),
        ("erase", "erase", own),
        ("unsubscribe", "unsubscribe", leave),
        ("subscribe-again", "subscribe_again", own),
        ("old-link", "manage", old),
        ("broken-link", "unsubscribe", WORD),
        ("broken-confirmation", "confirm", WORD),
        ("broken-connection", "connect", WORD),
    ]:
        yield kind, Client().get(links.dynamic(f"subscriptions:{name}", language, token)).content
    manage = links.dynamic("subscriptions:manage", language, own)
    yield (
        "manage-refused",
        Client(HTTP_ORIGIN=SAME_SITE).post(manage, {"scope": "some", "paused_until": "2001-01-01"}).content,
    )
    yield (
        "unsubscribed",
        Client(HTTP_ORIGIN=SAME_SITE).post(links.dynamic("subscriptions:unsubscribe", language, leave)).content,
    )


def _errors(language: str) -> Iterator[tuple[str, bytes]]:
    request = RequestFactory().get(f"/{language}/{WORD}/")
    for handler in (error_pages.bad_request, error_pages.permission_denied, error_pages.page_not_found):
        yield handler.__name__, handler(request, Exception()).content
    fallback = Fallback(("da", "en"), "da", settings.LOCALE_PATHS[0], https=False)
    yield "unavailable", ask(fallback, f"/{language}/subscribe/").body
    for status in REFUSALS:
        answer = ask(lambda environ, start: fallback.refuse(status, environ, start), f"/{language}/subscribe/")  # noqa: B023 - called at once
        yield status.partition(" ")[0], answer.body
