"""What `doctor` finds about deliveries, bounces and the sender."""

from collections.abc import Iterator
from datetime import timedelta

import dns.resolver
import pytest
from django.utils import timezone
from pytest_django import Settings

from harness.smtp_server import ScriptedServer
from incidents.doctor import delivery
from incidents.models import Announcement, Bounce, Delivery, Destination
from incidents.notifications import deliverability
from incidents.notifications.addressing import relay_name
from incidents.notifications.deliverability import Finding, Verdict
from tests.factories import make_subscriber
from tests.notifications.helpers import announced

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_hold(settings: Settings) -> None:
    settings.ANNOUNCEMENT_HOLD = 0


def let_fail(name: str) -> None:
    now = timezone.now()
    Destination.objects.create(name=name, failing_since=now, retry_at=now)


def test_nothing_to_deliver_is_fine() -> None:
    result = delivery.deliveries_progress()
    assert (result.state, result.found) == ("OK", "0 waiting, no destination fails")


def test_announcement_that_waits_for_long_is_a_warning() -> None:
    make_subscriber()
    announcement = announced()
    assert delivery.deliveries_progress().found == "1 waiting, no destination fails"
    Announcement.objects.filter(pk=announcement.pk).update(expanded_at=timezone.now() - timedelta(hours=2))
    result = delivery.deliveries_progress()
    assert (result.state, result.found) == ("WARN", "an announcement has waited for 2 hours")


def test_uncertain_deliveries_are_a_warning() -> None:
    make_subscriber("a@example.dk")
    make_subscriber("b@example.dk")
    announced()
    Delivery.objects.filter(pk=Delivery.objects.latest("pk").pk).update(state="uncertain")
    result = delivery.deliveries_progress()
    assert (result.state, result.found) == ("WARN", "1 message that may or may not have been sent")


def test_failing_destinations_are_counted_and_not_named() -> None:
    let_fail("karl-hansen.example")
    result = delivery.deliveries_progress()
    assert (result.state, result.found) == ("WARN", "1 destination failing")


def test_our_own_mail_server_that_refuses_fails() -> None:
    let_fail(relay_name())
    assert delivery.deliveries_progress().state == "FAIL"


def test_returned_mail_that_nobody_reads_is_a_warning(settings: Settings) -> None:
    assert delivery.bounces_are_few().found == "returned mail is not read"
    settings.BOUNCE_ADDRESS = "bounces@example.dk"
    result = delivery.bounces_are_few()
    assert (result.state, result.found) == ("OK", "0 bounced for good in six hours")


def test_many_bounces_and_rejections_by_policy_are_warnings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "MANY_BOUNCES", 1)
    subscriber = make_subscriber()
    for _time in range(2):
        Bounce.objects.create(subscriber=subscriber, consequence="suspended")
    result = delivery.bounces_are_few()
    assert (result.state, result.found) == ("WARN", "2 bounced for good in six hours")
    Bounce.objects.create(subscriber=subscriber, consequence="policy")
    assert delivery.bounces_are_few().found == "1 rejected by policy in the last day"


def findings(monkeypatch: pytest.MonkeyPatch, *found: Finding) -> None:
    def answer(_sender: object) -> Iterator[Finding]:
        yield from found

    monkeypatch.setattr(deliverability, "findings", answer)


def test_sender_is_judged_as_check_mail_does(monkeypatch: pytest.MonkeyPatch, smtp: ScriptedServer) -> None:
    needs_options = (Finding(Verdict.WARN, "DKIM", "no selector"), Finding(Verdict.WARN, "PTR", "unknown"))
    findings(monkeypatch, Finding(Verdict.OK, "SPF", "v=spf1 -all"), *needs_options)
    assert (delivery.sender_is_trusted().state, delivery.sender_is_trusted().found) == ("OK", "SPF")
    findings(
        monkeypatch,
        Finding(Verdict.WARN, "SPF", "v=spf1 mx"),
        Finding(Verdict.FAIL, "DMARC", "no record"),
        *needs_options,
    )
    result = delivery.sender_is_trusted()
    assert (result.state, result.found) == ("FAIL", "DMARC: no record; SPF: v=spf1 mx")


def test_sender_without_a_domain_is_a_warning(settings: Settings) -> None:
    settings.DEFAULT_FROM_EMAIL = "status@localhost"
    assert delivery.sender_is_trusted().found == "localhost is no domain of the internet"


def test_machine_without_a_name_server_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_options: object) -> object:
        raise dns.resolver.NoResolverConfiguration

    monkeypatch.setattr(dns.resolver, "Resolver", refuse)
    result = delivery.sender_is_trusted()
    assert (result.state, result.found) == ("FAIL", "no name server is configured on this machine")
