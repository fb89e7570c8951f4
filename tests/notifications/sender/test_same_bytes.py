"""Every attempt of a post has the same bytes, whatever changes between the attempts."""

import json
from collections.abc import Iterator
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from pytest_django import Settings

from harness.deliveries import release_held
from incidents import operations
from incidents.models import Announcement, Component, Delivery, Incident, Page, RenderedPost, Subscriber
from incidents.notifications import jobs, outbox, release
from incidents.notifications.ledger import recovery
from incidents.notifications.messages import payloads
from incidents.status import ComponentStatus, Impact, Phase
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import make_component, make_incident, make_page, make_statement, make_subscriber, make_update
from tests.notifications.helpers import announced
from tests.support.receiver import Receiver, answer

pytestmark = pytest.mark.django_db

CHANNELS = ["webhook", "slack", "teams"]


@pytest.fixture
def receiver(settings: Settings, clock: time_machine.Traveller) -> Iterator[Receiver]:
    settings.WEBHOOK_NETWORKS = [ip_network("127.0.0.0/8")]
    make_page()
    with Receiver() as running:
        running.says = lambda _posted: answer("500 Oh dear")
        yield running


def subscribe(receiver: Receiver, channel: str = "webhook", **fields: Any) -> None:
    make_subscriber(receiver.url, **{"channel": channel, "owner": "drift@example.dk", "language": "en", **fields})


def post_due() -> None:
    release_held()
    release.release_component_updates(timezone.now())
    recovery.recover_abandoned(timezone.now())
    jobs.post()


def bodies(receiver: Receiver) -> list[bytes]:
    return [posted.body for posted in receiver.posted]


def change_all_around(incident: Incident, component: Component, clock: time_machine.Traveller) -> None:
    """Change the state of the page, the names on it, and the incident by an update that notifies nobody."""
    clock.shift(timedelta(minutes=1))
    other = make_component("other")
    make_incident(statement=make_statement(components={other.pk: ComponentStatus.MAJOR_OUTAGE}), impact=Impact.CRITICAL)
    make_update(incident, Phase.MITIGATED, components={component.pk: ComponentStatus.DEGRADED_PERFORMANCE})
    Component.objects.filter(pk=component.pk).update(name=Text(da="Nyt navn", en="New name"), position=7)
    Page.objects.update(name=Text(da="En anden side", en="Another page"), time_zone="America/New_York")
    clock.shift(timedelta(days=2))


@pytest.mark.parametrize("channel", CHANNELS)
def test_attempts_days_apart_have_the_same_bytes(
    receiver: Receiver, clock: time_machine.Traveller, channel: str
) -> None:
    subscribe(receiver, channel)
    component = make_component("webmail")
    announcement = announced(components={component.pk: ComponentStatus.PARTIAL_OUTAGE})
    post_due()
    change_all_around(announcement.update.incident, component, clock)
    post_due()
    first, second = (body for body in bodies(receiver) if b'"component_update"' not in body)
    assert first == second


def test_posts_about_components_have_the_same_bytes(receiver: Receiver, clock: time_machine.Traveller) -> None:
    subscribe(receiver)
    component = make_component("webmail")
    operations.set_component_status(by=ANYBODY, component=component, status=ComponentStatus.MAJOR_OUTAGE)
    post_due()
    make_incident(impact=Impact.CRITICAL)
    Component.objects.update(name=Text(da="Nyt navn", en="New name"), position=7)
    clock.shift(timedelta(days=2))
    post_due()
    first, second = bodies(receiver)
    assert first == second
    assert "component_update" in json.loads(first)


@pytest.mark.parametrize("channel", CHANNELS)
def test_codes_have_the_same_bytes(receiver: Receiver, clock: time_machine.Traveller, channel: str) -> None:
    subscribe(receiver, channel, state="pending")
    outbox.queue_message(Subscriber.objects.get(), Delivery.Letter.CODE)
    post_due()
    clock.shift(timedelta(hours=2))
    make_incident(impact=Impact.CRITICAL)
    post_due()
    first, second = bodies(receiver)
    assert first == second


@pytest.mark.parametrize("channel", CHANNELS)
def test_text_that_was_corrected_is_not_sent_again(
    receiver: Receiver, clock: time_machine.Traveller, channel: str
) -> None:
    subscribe(receiver, channel)
    announcement = announced(text=Text(da="Kunden Hansen er ramt.", en="The customer Hansen is affected."))
    post_due()
    clock.shift(timedelta(hours=1))
    operations.correct_update(
        by=ANYBODY, update=announcement.update, text=Text(da="En er ramt.", en="One customer is affected.")
    )
    post_due()
    clock.shift(timedelta(hours=1))
    post_due()
    first, *corrected = bodies(receiver)
    assert b"Hansen" in first
    assert len(corrected) == 2
    assert corrected[0] == corrected[1]
    assert b"One customer is affected." in corrected[0]


def test_earlier_text_that_was_corrected_is_not_sent_again(receiver: Receiver, clock: time_machine.Traveller) -> None:
    subscribe(receiver)
    incident = make_incident(statement=make_statement(text=Text(da="Hansen er ramt.", en="Hansen is affected.")))
    clock.shift(60)
    announced(incident)
    post_due()
    earlier = incident.updates.earliest("at")
    operations.correct_update(by=ANYBODY, update=earlier, text=Text(da="En er ramt.", en="One is affected."))
    clock.shift(timedelta(hours=1))
    post_due()
    first, second = bodies(receiver)
    assert b"Hansen" in first
    assert b"Hansen" not in second


def test_recipients_share_what_is_stored(receiver: Receiver) -> None:
    for number in range(5):
        make_subscriber(f"{receiver.url}&n={number}", channel="webhook", owner="drift@example.dk", language="en")
    make_subscriber(f"{receiver.url}&n=da", channel="webhook", owner="drift@example.dk", language="da")
    announced()
    post_due()
    assert RenderedPost.objects.count() == 2
    assert len(set(bodies(receiver))) == 6
    assert not any(payloads.UNSUBSCRIBE.encode() in body for body in bodies(receiver))


def test_stored_bodies_are_deleted_with_old_deliveries(
    receiver: Receiver, clock: time_machine.Traveller, settings: Settings
) -> None:
    subscribe(receiver)
    announced()
    post_due()
    clock.shift(timedelta(days=settings.DELIVERIES_KEPT_DAYS, seconds=1))
    announced()
    post_due()
    assert RenderedPost.objects.get().key.startswith(f"announcement {Announcement.objects.latest('pk').pk} ")
