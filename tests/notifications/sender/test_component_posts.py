"""Component posts: webhooks are notified of each change of a component's status, once, and in the end rightly."""

import json
import re
import textwrap
from collections.abc import Iterator
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings
from standardwebhooks import Webhook

from harness.deliveries import release_held
from incidents import operations, scheduler
from incidents.models import Component, ComponentUpdate, Delivery, Incident, SigningSecret, StaleSubject, Subscriber
from incidents.notifications import jobs, release
from incidents.notifications.ledger import claims, recovery, retention
from incidents.notifications.messages import signatures
from incidents.notifications.messages.payloads import render
from incidents.status import ComponentStatus, Phase
from incidents.text import Text
from statuspage.local.paths import ROOT
from tests.actors import ANYBODY
from tests.factories import (
    make_component,
    make_group,
    make_incident,
    make_maintenance,
    make_page,
    make_statement,
    make_subscriber,
    make_update,
)
from tests.notifications.helpers import START, UNCLAIMED, claimed, new_holder, states
from tests.support.receiver import Receiver, answer

pytestmark = pytest.mark.django_db

OPERATIONAL = ComponentStatus.OPERATIONAL
PARTIAL = ComponentStatus.PARTIAL_OUTAGE
MAJOR = ComponentStatus.MAJOR_OUTAGE
TEXT = Text(da="Løst.", en="Solved.")


@pytest.fixture
def receiver(settings: Settings, clock: time_machine.Traveller) -> Iterator[Receiver]:
    settings.WEBHOOK_NETWORKS = [ip_network("127.0.0.0/8")]
    with Receiver() as running:
        yield running


def make_webhook(url: str = "https://example.dk/hook", **fields: Any) -> Subscriber:
    defaults = {"address": url, "channel": "webhook", "owner": "drift@example.dk", "language": "en"}
    webhook = make_subscriber(**{**defaults, **fields})
    SigningSecret.objects.create(subscriber=webhook, value=signatures.new_secret())
    return webhook


def release_all() -> None:
    """Release everything whose hold is over, as the scheduler does."""
    release_held()
    release.release_component_updates(timezone.now())


def post_all() -> None:
    release_all()
    recovery.recover_abandoned(timezone.now())
    jobs.post()


def broken(*components: Component, status: ComponentStatus = MAJOR, notify: bool = True) -> Incident:
    named = {component.pk: status for component in components}
    return make_incident(statement=make_statement(components=named, notify=notify))


def said(receiver: Receiver) -> list[dict[str, Any]]:
    return [json.loads(posted.body) for posted in receiver.posted]


def changes(receiver: Receiver) -> list[tuple[str, str]]:
    """The statuses before and after, of each component post that was received."""
    found = [body["component_update"] for body in said(receiver) if "component_update" in body]
    return [(one["old_status"], one["new_status"]) for one in found]


def component_posts() -> list[Delivery]:
    return list(Delivery.objects.filter(letter="component").order_by("pk"))


def test_opening_and_resolving_an_incident_each_post_the_component_and_the_incident(
    receiver: Receiver, clock: time_machine.Traveller
) -> None:
    make_webhook(receiver.url)
    incident = broken(make_component("mail"))
    post_all()
    assert [set(body) - {"meta", "page"} for body in said(receiver)] == [
        {"incident"},
        {"component", "component_update"},
    ]
    clock.shift(60)
    operations.resolve(by=ANYBODY, incident=incident, text=TEXT)
    post_all()
    assert changes(receiver) == [("operational", "major_outage"), ("major_outage", "operational")]
    assert len(receiver.posted) == 4


def keys(body: dict[str, Any]) -> dict[str, set[str]]:
    return {name: set(value) for name, value in body.items()}


def test_documentation_shows_the_fields_of_a_post(receiver: Receiver) -> None:
    page = (ROOT / "docs" / "webhooks.md").read_text(encoding="utf-8")
    [example] = re.findall(r"^    \{\n.*?^    \}\n", page, flags=re.MULTILINE | re.DOTALL)
    make_webhook(receiver.url)
    operations.set_component_status(by=ANYBODY, component=make_component("mail"), status=MAJOR)
    post_all()
    assert keys(json.loads(textwrap.dedent(example))) == keys(said(receiver)[0])


def test_post_has_exactly_the_fields_of_statuspage_and_a_valid_signature(receiver: Receiver) -> None:
    page, group = make_page(), make_group()
    webhook = make_webhook(receiver.url, time_zone="UTC")
    component = make_component("mail", group=group, position=3, description=Text(da="Post", en="Mail"))
    operations.set_component_status(by=ANYBODY, component=component, status=PARTIAL)
    post_all()
    posted, update = receiver.posted[0], ComponentUpdate.objects.get()
    body = Webhook(SigningSecret.objects.get().value).verify(posted.body, dict(posted.headers.items()))
    assert f"/en/subscription/unsubscribe/{webhook.pk}~" in body["meta"].pop("unsubscribe")
    assert body == {
        "meta": {
            "documentation": "https://status.example.dk/en/follow/",
            "generated_at": "2023-10-09T21:00:00.000Z",
        },
        "page": {
            "id": page.pk,
            "status_indicator": "major",
            "status_description": "Partial System Outage",
        },
        "component_update": {
            "old_status": "operational",
            "new_status": "partial_outage",
            "created_at": "2023-10-09T21:00:00.000Z",
            "component_type": "Component",
            "id": update.pk,
            "component_id": component.pk,
        },
        "component": {
            "status": "partial_outage",
            "name": "mail (en)",
            "created_at": "2023-10-09T21:00:00.000Z",
            "updated_at": "2023-10-09T21:00:00.000Z",
            "position": 3,
            "description": "Mail",
            "showcase": True,
            "id": component.pk,
            "page_id": page.pk,
            "group_id": group.pk,
        },
    }


def test_post_is_in_the_language_of_the_subscriber(receiver: Receiver) -> None:
    make_webhook(receiver.url, language="da")
    operations.set_component_status(by=ANYBODY, component=make_component("mail"), status=PARTIAL)
    post_all()
    assert said(receiver)[0]["component"]["name"] == "mail (da)"
    assert said(receiver)[0]["page"]["status_description"] == "Nogle systemer er nede"


def test_each_of_several_components_is_posted(receiver: Receiver) -> None:
    make_webhook(receiver.url)
    broken(make_component("mail"), make_component("web"))
    post_all()
    assert changes(receiver) == [("operational", "major_outage")] * 2
    assert len({body["component"]["id"] for body in said(receiver) if "component" in body}) == 2


def test_maintenance_posts_components_when_it_starts_not_when_it_is_scheduled(
    receiver: Receiver, clock: time_machine.Traveller
) -> None:
    make_webhook(receiver.url, wants_incidents=False)
    work = make_maintenance(
        start=START + timedelta(hours=1), end=START + timedelta(hours=2), components=(make_component(),)
    )
    post_all()
    assert changes(receiver) == []
    clock.shift(3600)
    operations.start_maintenance(by=ANYBODY, incident=work, text=TEXT)
    post_all()
    assert changes(receiver) == [("operational", "under_maintenance")]


def test_only_active_webhooks_that_chose_the_component_get_a_post() -> None:
    mail, web = make_component("mail"), make_component("web")
    expected = {make_webhook("https://a.example/").pk, make_webhook("https://b.example/", wants_incidents=False).pk}
    chosen = make_webhook("https://c.example/")
    chosen.components.add(mail, web)
    back = make_webhook("https://d.example/", paused_until=timezone.now() - timedelta(days=1))
    expected |= {chosen.pk, back.pk}
    make_webhook("https://e.example/").components.add(web)
    make_webhook("https://f.example/", paused_until=timezone.now() + timedelta(days=1))
    make_webhook("https://g.example/", state="pending", confirmed_at=None)
    make_webhook("https://h.example/", state="unsubscribed")
    make_webhook("https://i.example/", state="suspended")
    make_webhook("https://j.example/", wants_incidents=False, wants_maintenance=False)  # follows one incident
    make_webhook("https://hooks.slack.com/k", channel="slack")
    make_webhook("https://l.logic.azure.com/", channel="teams")
    make_subscriber("reader@example.dk")
    operations.set_component_status(by=ANYBODY, component=mail, status=PARTIAL)
    release_all()
    assert {post.subscriber_id for post in component_posts()} == expected
    assert {post.destination for post in component_posts()} == {f"https://{letter}.example" for letter in "abcd"}


def test_update_that_does_not_notify_subscribers_posts_no_component(receiver: Receiver) -> None:
    make_webhook(receiver.url)
    broken(make_component(), notify=False)
    post_all()
    assert (receiver.posted, ComponentUpdate.objects.exists()) == ([], False)


def test_backdated_incident_that_is_still_open_posts_no_component(receiver: Receiver) -> None:
    make_webhook(receiver.url)
    part = make_component()
    statement = make_statement(components={part.pk: MAJOR}, notify=None, at=timezone.now() - timedelta(hours=3))
    make_incident(statement=statement)
    post_all()
    assert receiver.posted == []


def test_incident_that_is_no_worse_than_another_posts_no_component(receiver: Receiver) -> None:
    make_webhook(receiver.url)
    part = make_component()
    broken(part)
    post_all()
    broken(part, status=PARTIAL)
    post_all()
    assert changes(receiver) == [("operational", "major_outage")]


def test_status_set_by_mistake_and_corrected_within_the_hold_is_not_posted(
    receiver: Receiver, settings: Settings, clock: time_machine.Traveller
) -> None:
    settings.ANNOUNCEMENT_HOLD = 20
    make_webhook(receiver.url)
    part = make_component()
    operations.set_component_status(by=ANYBODY, component=part, status=MAJOR)
    clock.shift(19)
    post_all()
    operations.set_component_status(by=ANYBODY, component=part, status=OPERATIONAL)
    clock.shift(60)
    post_all()
    assert (receiver.posted, Delivery.objects.exists()) == ([], False)
    assert ComponentUpdate.objects.get().cancelled_at is not None


def test_changes_within_the_hold_are_posted_as_one(
    receiver: Receiver, settings: Settings, clock: time_machine.Traveller
) -> None:
    settings.ANNOUNCEMENT_HOLD = 20
    make_webhook(receiver.url)
    part = make_component()
    incident = broken(part)
    clock.shift(15)
    make_update(incident, Phase.IDENTIFIED, components={part.pk: PARTIAL}, notify=True)
    clock.shift(15)
    post_all()
    assert changes(receiver) == []  # the second change can still be undone
    clock.shift(5)
    post_all()
    assert changes(receiver) == [("operational", "partial_outage")]


def test_undone_update_posts_no_component(
    receiver: Receiver, settings: Settings, clock: time_machine.Traveller
) -> None:
    settings.ANNOUNCEMENT_HOLD = 20
    make_webhook(receiver.url)
    incident = broken(make_component())
    clock.shift(10)
    operations.undo_update(by=ANYBODY, update=incident.updates.get())
    clock.shift(60)
    post_all()
    assert receiver.posted == []


def test_cancelled_announcement_cancels_its_component_posts_only(
    receiver: Receiver, settings: Settings, clock: time_machine.Traveller
) -> None:
    settings.ANNOUNCEMENT_HOLD = 20
    make_webhook(receiver.url)
    mail, web = make_component("mail"), make_component("web")
    incident = broken(mail)
    operations.set_component_status(by=ANYBODY, component=web, status=PARTIAL)
    assert operations.cancel_announcement(by=ANYBODY, announcement=incident.updates.get().announcements.get())
    clock.shift(60)
    post_all()
    assert changes(receiver) == [("operational", "partial_outage")]


def test_change_that_is_not_announced_corrects_one_that_is_held(
    receiver: Receiver, settings: Settings, clock: time_machine.Traveller
) -> None:
    settings.ANNOUNCEMENT_HOLD = 20
    make_webhook(receiver.url)
    part = make_component()
    incident = broken(part)
    clock.shift(10)
    make_update(incident, Phase.IDENTIFIED, components={part.pk: PARTIAL}, notify=False)
    clock.shift(11)
    post_all()
    assert changes(receiver) == [("operational", "partial_outage")]


def test_withdrawn_incident_posts_the_component_back(receiver: Receiver, clock: time_machine.Traveller) -> None:
    make_webhook(receiver.url)
    incident = broken(make_component())
    post_all()
    clock.shift(60)
    operations.withdraw(by=ANYBODY, incident=incident)
    post_all()
    clock.shift(60)
    operations.publish_again(by=ANYBODY, incident=incident)
    post_all()
    assert changes(receiver) == [
        ("operational", "major_outage"),
        ("major_outage", "operational"),
        ("operational", "major_outage"),
    ]


def test_component_post_waits_until_the_page_is_published() -> None:
    make_webhook()
    part = make_component()
    operations.set_component_status(by=ANYBODY, component=part, status=MAJOR)
    assert StaleSubject.objects.filter(subject=f"component:{part.pk}").exists()
    assert release.release_component_updates(timezone.now()) == 0
    StaleSubject.objects.all().delete()
    assert release.release_component_updates(timezone.now()) == 1


def test_component_update_expands_once_and_the_database_refuses_a_second_delivery() -> None:
    make_webhook()
    operations.set_component_status(by=ANYBODY, component=make_component(), status=MAJOR)
    release_all()
    release_all()
    post = component_posts()[0]
    assert len(component_posts()) == 1
    with pytest.raises(IntegrityError, match="one_component_post_per_subscriber"), transaction.atomic():
        Delivery.objects.create(
            subscriber_id=post.subscriber_id,
            component_update_id=post.component_update_id,
            letter="component",
            channel="webhook",
        )


def test_scheduler_releases_component_updates(settings: Settings) -> None:
    settings.ANNOUNCEMENT_HOLD = 0
    make_webhook()
    operations.set_component_status(by=ANYBODY, component=make_component(), status=MAJOR)
    StaleSubject.objects.all().delete()
    for chore in scheduler.chores():
        if "release" in chore.do.__name__:
            chore.do()
    assert len(component_posts()) == 1


def test_hidden_component_is_not_posted(receiver: Receiver) -> None:
    make_webhook(receiver.url)
    secret, shown = make_component("secret", hidden=True), make_component("shown")
    operations.set_component_status(by=ANYBODY, component=secret, status=MAJOR)
    assert not ComponentUpdate.objects.exists()
    operations.set_component_status(by=ANYBODY, component=shown, status=MAJOR)
    operations.edit_component(by=ANYBODY, component=shown, fields={"hidden": True})
    post_all()
    assert (receiver.posted, Delivery.objects.exists()) == ([], False)
    assert ComponentUpdate.objects.get().cancelled_at is not None


def test_post_of_a_component_that_is_hidden_before_it_is_sent_is_skipped(receiver: Receiver) -> None:
    make_webhook(receiver.url)
    part = make_component()
    operations.set_component_status(by=ANYBODY, component=part, status=MAJOR)
    release_all()
    operations.edit_component(by=ANYBODY, component=part, fields={"hidden": True})
    jobs.post()
    assert (receiver.posted, component_posts()[0].skip_reason) == ([], "hidden")


def test_every_attempt_has_the_same_bytes(receiver: Receiver, clock: time_machine.Traveller) -> None:
    make_webhook(receiver.url)
    part = make_component()
    receiver.says = lambda _posted: answer("500 Oh dear")
    operations.set_component_status(by=ANYBODY, component=part, status=PARTIAL)
    post_all()
    clock.shift(timedelta(minutes=10))
    operations.set_component_status(by=ANYBODY, component=make_component(), status=MAJOR)  # the page is worse now
    operations.edit_component(by=ANYBODY, component=part, fields={"position": 0})
    post_all()
    attempts = [posted for posted in receiver.posted if part.pk.encode() in posted.body]
    assert len(attempts) == 2
    assert attempts[0].body == attempts[1].body
    assert attempts[0].headers["webhook-id"] == attempts[1].headers["webhook-id"]


def test_newer_status_supersedes_a_waiting_older_one(receiver: Receiver, clock: time_machine.Traveller) -> None:
    make_webhook(receiver.url)
    part, other = make_component("mail"), make_component("web")
    receiver.says = lambda _posted: answer("500 Oh dear")
    operations.set_component_status(by=ANYBODY, component=part, status=MAJOR)
    operations.set_component_status(by=ANYBODY, component=other, status=MAJOR)
    post_all()
    clock.shift(60)
    receiver.says = lambda _posted: answer("200 OK")
    operations.set_component_status(by=ANYBODY, component=part, status=OPERATIONAL)
    post_all()
    clock.shift(timedelta(minutes=10))
    post_all()
    found = Delivery.objects.filter(component_update__component=part).order_by("created_at")
    assert list(found.values_list("state", "skip_reason")) == [("skipped", "superseded"), ("sent", "")]
    assert Delivery.objects.get(component_update__component=other).state == "sent"


def test_newer_status_waits_while_an_older_one_is_in_flight(clock: time_machine.Traveller) -> None:
    make_webhook()
    part = make_component()
    operations.set_component_status(by=ANYBODY, component=part, status=MAJOR)
    release_all()
    older = claims.claim_posts(new_holder(), 100, timezone.now())[0]
    Delivery.objects.filter(pk=older.id).update(state="sending", attempts=1)
    clock.shift(10)
    operations.set_component_status(by=ANYBODY, component=part, status=OPERATIONAL)
    release_all()
    assert claims.claim_posts(new_holder(), 100, timezone.now()) == []
    clock.shift(60)  # a dead worker does not block it for longer
    newer = claims.claim_posts(new_holder(), 100, timezone.now())
    assert [row.id for row in newer] == [component_posts()[1].pk]


def test_post_that_was_in_flight_when_a_newer_status_was_released_is_not_sent_again(
    receiver: Receiver, clock: time_machine.Traveller
) -> None:
    make_webhook(receiver.url)
    part = make_component()
    operations.set_component_status(by=ANYBODY, component=part, status=MAJOR)
    release_all()
    Delivery.objects.update(state="sending", **claimed(), attempts=1)
    clock.shift(10)
    operations.set_component_status(by=ANYBODY, component=part, status=OPERATIONAL)
    release_all()
    Delivery.objects.filter(state="sending").update(state="deferred", **UNCLAIMED)
    jobs.post()
    assert changes(receiver) == [("major_outage", "operational")]
    assert [post.skip_reason for post in component_posts()] == ["superseded", ""]


@pytest.mark.parametrize(
    ("state", "reason"), [("unsubscribed", "unsubscribed"), ("suspended", "suspended"), ("pending", "unconfirmed")]
)
def test_webhook_that_is_not_active_any_more_gets_no_post(receiver: Receiver, state: str, reason: str) -> None:
    make_webhook(receiver.url)
    operations.set_component_status(by=ANYBODY, component=make_component(), status=MAJOR)
    release_all()
    Subscriber.objects.update(state=state)
    jobs.post()
    assert (receiver.posted, component_posts()[0].skip_reason) == ([], reason)


def test_post_whose_component_was_deleted_by_hand_is_skipped(receiver: Receiver) -> None:
    make_webhook(receiver.url)
    operations.set_component_status(by=ANYBODY, component=make_component(), status=MAJOR)
    release_all()
    ComponentUpdate.objects.all()._raw_delete("default")
    jobs.post()
    assert (receiver.posted, component_posts()[0].skip_reason) == ([], "hidden")


def test_incident_posts_are_claimed_before_component_posts() -> None:
    for number in range(3):
        make_webhook(f"https://{number}.example/")
    broken(make_component("mail"), make_component("web"))
    release_all()
    assert {row.letter for row in claims.claim_posts(new_holder(), 3, timezone.now())} == {"update"}
    assert {row.letter for row in claims.claim_posts(new_holder(), 6, timezone.now())} == {"component"}


def test_number_of_queries_does_not_depend_on_the_subscribers(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    part = make_component()
    make_subscriber("reader@example.dk")
    Subscriber.objects.bulk_create(
        Subscriber(
            address=f"https://{number}.example/",
            channel="webhook",
            owner="drift@example.dk",
            canonical_address="drift@example.dk",
            language="da",
            state="active",
            confirmed_at=timezone.now(),
        )
        for number in range(500)
    )
    operations.set_component_status(by=ANYBODY, component=part, status=MAJOR)
    StaleSubject.objects.all().delete()
    with django_assert_max_num_queries(13):
        release.release_component_updates(timezone.now())
    assert states(letter="component") == {"queued": 500}


def test_chats_cannot_get_a_component_post() -> None:
    update = ComponentUpdate(component=make_component(), old_status=OPERATIONAL, new_status=MAJOR, page_status=MAJOR)
    with pytest.raises(ValueError, match="is not sent to slack"):
        render("slack", "component", "en", update)


def test_rebuilding_by_command_posts_nothing() -> None:
    make_webhook()
    part = make_component()
    operations.set_component_status(by=ANYBODY, component=part, status=MAJOR)
    ComponentUpdate.objects.all().delete()
    Component.objects.update(status=OPERATIONAL)
    operations.rebuild_statuses(components=[part.pk], announce=False)
    assert not ComponentUpdate.objects.exists()


def test_old_component_updates_and_their_posts_are_deleted(
    settings: Settings, receiver: Receiver, clock: time_machine.Traveller
) -> None:
    settings.DELIVERIES_KEPT_DAYS = 90
    make_webhook(receiver.url)
    part = make_component()
    operations.set_component_status(by=ANYBODY, component=part, status=MAJOR)
    post_all()
    clock.shift(timedelta(days=89))
    operations.set_component_status(by=ANYBODY, component=part, status=OPERATIONAL)
    retention.apply_retention(now=timezone.now())
    assert (len(component_posts()), ComponentUpdate.objects.count()) == (1, 2)
    clock.shift(timedelta(days=2))
    retention.apply_retention(now=timezone.now())
    assert component_posts() == []
    assert [update.new_status for update in ComponentUpdate.objects.all()] == ["operational"]
