"""What staff see of an announcement on its way, and do about it."""

import html
import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from incidents import operations
from incidents.models import Announcement, Bounce, Delivery, Destination, Heartbeat, StaleSubject
from incidents.notifications import audience, outbox, release
from incidents.notifications.addressing import relay_name
from incidents.notifications.ledger import skipping
from incidents.status import ComponentStatus
from tests.actors import ANYBODY
from tests.admin.conftest import staff
from tests.factories import make_component, make_incident, make_statement, make_subscriber
from tests.notifications.helpers import UNCLAIMED, claimed

pytestmark = pytest.mark.django_db

OVERVIEW = "/admin/incidents/delivery/overview/"


def announced(*addresses: str) -> Announcement:
    for address in addresses:
        make_subscriber(address)
    make_incident(statement=make_statement(notify=True))
    announcement = Announcement.objects.select_related("update__incident").latest("id")
    audience.expand(announcement, timezone.now())
    Announcement.objects.filter(pk=announcement.pk).update(expanded_at=timezone.now())
    announcement.refresh_from_db()
    return announcement


def step(announcement: Announcement, name: str) -> str:
    incident = announcement.update.incident_id
    return reverse(f"admin:incidents_incident_{name}", args=[incident, announcement.pk])


def states() -> list[str]:
    return sorted(Delivery.objects.values_list("state", flat=True))


def page_of(client: Client, announcement: Announcement) -> str:
    address = reverse("admin:incidents_incident_change", args=[announcement.update.incident_id])
    return client.get(address).content.decode()


def test_page_of_an_incident_shows_how_far_telling_has_come(publisher: Client) -> None:
    announcement = announced("karl@example.dk", "kira@example.dk", "kaj@other.example")
    announcement.deliveries.filter(destination="other.example").update(state="sent", sent_at=timezone.now())
    announcement.deliveries.filter(destination="example.dk").update(
        state="deferred", reply_code=451, reply="4.7.500 Server busy", next_attempt_at=timezone.now()
    )
    page = page_of(publisher, announcement)
    assert "1 of 3 sent" in page
    assert "451 4.7.500 Server busy" in page
    assert f'data-live="{step(announcement, "panel")}"' in page
    fragment = publisher.get(step(announcement, "panel")).content.decode()
    assert "<html" not in fragment
    assert "Deferred 2" in fragment
    assert 'data-every="3"' in fragment


def test_panel_comes_to_rest_when_everybody_is_told(publisher: Client) -> None:
    announcement = announced("karl@example.dk")
    announcement.deliveries.update(state="sent", sent_at=timezone.now())
    assert 'data-every="0"' in publisher.get(step(announcement, "panel")).content.decode()


def test_pausing_takes_the_letters_from_the_workers_until_it_goes_on(publisher: Client) -> None:
    announcement = announced("karl@example.dk")
    Delivery.objects.update(**claimed())
    publisher.post(step(announcement, "pause"))
    assert Delivery.objects.get().holder is None
    assert not Delivery.objects.due(timezone.now()).exists()
    assert "Resume" in page_of(publisher, announcement)
    publisher.post(step(announcement, "resume"))
    assert Delivery.objects.due(timezone.now()).exists()


def test_stopping_asks_for_confirmation_and_is_permanent(publisher: Client) -> None:
    announcement = announced("karl@example.dk", "kira@example.dk", "kaj@example.dk")
    in_flight, sent = Delivery.objects.order_by("pk")[:2]
    Delivery.objects.filter(pk=in_flight.pk).update(state="sending", **claimed())
    Delivery.objects.filter(pk=sent.pk).update(state="sent", sent_at=timezone.now())
    assert "permanently" in publisher.get(step(announcement, "stop")).content.decode()
    assert states() == ["queued", "sending", "sent"]
    assert "1 person is not notified" in publisher.post(step(announcement, "stop"), follow=True).content.decode()
    assert states() == ["sending", "sent", "skipped"]
    Delivery.objects.filter(pk=in_flight.pk).update(state="deferred", **UNCLAIMED)
    assert skipping.skip_stopped() == 1
    assert states() == ["sent", "skipped", "skipped"]
    assert set(Delivery.objects.exclude(skip_reason="").values_list("skip_reason", flat=True)) == {"cancelled"}
    publisher.post(step(announcement, "resume"))
    announcement.refresh_from_db()
    assert announcement.paused_at is not None
    Delivery.objects.filter(pk=sent.pk).update(state="failed")
    assert operations.resend_failed(by=ANYBODY, announcement=announcement) == 0


def test_only_the_failed_ones_are_tried_again(publisher: Client) -> None:
    announcement = announced("karl@example.dk", "kira@example.dk")
    failed = Delivery.objects.order_by("pk")[0]
    Delivery.objects.update(state="sent", sent_at=timezone.now())
    Delivery.objects.filter(pk=failed.pk).update(state="failed")
    assert "1 delivery failed" in publisher.get(step(announcement, "resend")).content.decode()
    publisher.post(step(announcement, "resend"))
    assert states() == ["queued", "sent"]


@pytest.mark.parametrize("name", ["pause", "resume", "stop", "resend"])
def test_viewer_sees_the_panel_and_changes_nothing(viewer: Client, name: str) -> None:
    announcement = announced("karl@example.dk")
    assert viewer.post(step(announcement, name)).status_code == 403
    panel = viewer.get(step(announcement, "panel")).content.decode()
    assert "Queued 1" in panel
    assert "<form" not in panel
    assert "karl@" not in panel
    assert states() == ["queued"]


def test_looking_changes_nothing(publisher: Client) -> None:
    announcement = announced("karl@example.dk")
    assert [publisher.get(step(announcement, name)).status_code for name in ("pause", "resume")] == [405, 405]
    assert (
        publisher.get(step(announcement, "panel").replace(f"/{announcement.pk}/", f"/{'9' * 20}/")).status_code == 404
    )


def test_every_page_warns_that_no_worker_and_no_scheduler_runs(publisher: Client) -> None:
    for address in ("/admin/", "/admin/incidents/subscriber/", "/admin/alarms/"):
        page = publisher.get(address).content.decode()
        assert "No worker is running: subscribers are not notified." in page, address
        assert "The scheduler is not running" in page, address
    Heartbeat.objects.create(name="scheduler", beaten_at=timezone.now())
    assert "The scheduler" not in publisher.get("/admin/alarms/").content.decode()
    login = Client().get("/admin/login/").content.decode()
    assert "worker" not in login
    assert Client().get("/admin/alarms/").status_code == 302


def test_the_page_over_all_shows_what_is_on_its_way_and_masks_addresses(viewer: Client, publisher: Client) -> None:
    announcement = announced("karl@example.dk", "kira@example.dk")
    Delivery.objects.filter(subscriber__address="karl@example.dk").update(
        state="failed", reply_code=550, reply="5.1.1 <karl@example.dk> unknown"
    )
    Bounce.objects.create(subscriber=make_subscriber(), announcement=announcement, consequence="suspended")
    seen = viewer.get(OVERVIEW).content.decode()
    assert "No worker is running" in seen
    assert "Queued 1" in seen
    assert "karl@" not in seen
    assert "1 message bounced in the last seven days" in seen
    assert "karl@example.dk" in publisher.get(OVERVIEW).content.decode()
    assert "<html" not in publisher.get(f"{OVERVIEW}?part").content.decode()
    assert staff("ida", "view_incident").get(OVERVIEW).status_code == 403


def test_a_subscribers_page_shows_their_deliveries_and_bounces(viewer: Client) -> None:
    announced("karl@example.dk")
    row = Delivery.objects.select_related("subscriber").get()
    Delivery.objects.update(state="deferred", reply_code=452, reply="4.2.2 <karl@example.dk> full")
    Bounce.objects.create(subscriber=row.subscriber, consequence="counted", reply="5.2.2 <karl@example.dk> full")
    page = viewer.get(reverse("admin:incidents_subscriber_change", args=[row.subscriber_id])).content.decode()
    assert "452 4.2.2 &lt;k…@example.dk&gt; full" in page
    assert "next try" in page
    bounces = viewer.get("/admin/incidents/bounce/").content.decode()
    assert "Counted: refused this time" in bounces
    assert "karl@" not in page + bounces


def failed_component_post() -> Delivery:
    webhook = make_subscriber("https://example.dk/hook", channel="webhook", owner="drift@example.dk")
    operations.set_component_status(
        by=ANYBODY, component=make_component("webmail"), status=ComponentStatus.MAJOR_OUTAGE
    )
    StaleSubject.objects.all().delete()
    release.release_component_updates(timezone.now() + timedelta(hours=1))
    Delivery.objects.filter(subscriber=webhook).update(state="failed", reply="The host does not answer.")
    return Delivery.objects.get(subscriber=webhook)


@pytest.mark.parametrize(
    ("language", "told"), [("en", "webmail (en): Major outage"), ("da", "webmail (da): Større nedbrud")]
)
def test_pages_about_deliveries_name_the_component_of_a_post(publisher: Client, language: str, told: str) -> None:
    post = failed_component_post()
    kind = {"en": "Component status", "da": "Status for et system"}[language]
    ours = "/admin/incidents/delivery/"
    pages = [OVERVIEW, ours, f"{ours}{post.pk}/change/", f"/admin/incidents/subscriber/{post.subscriber_id}/change/"]
    for address in pages:
        page = publisher.get(address, headers={"Accept-Language": language}).content.decode()
        assert told in page, address
        assert not re.search(r">None</(td|th|div)>", page), address
    assert kind in publisher.get(ours, headers={"Accept-Language": language}).content.decode()


def test_component_posts_are_counted_apart_from_account_messages(publisher: Client) -> None:
    outbox.queue_message(make_subscriber("anna@example.dk"), Delivery.Letter.MANAGE)
    failed_component_post()
    page = publisher.get(OVERVIEW).content.decode()
    links = re.findall(r'href="([^"]+state__exact=\w+)"', page)
    assert len(links) == 2
    found = [publisher.get(html.unescape(link)).context["cl"].result_list for link in links]
    assert [[delivery.letter for delivery in rows] for rows in found] == [["manage"], ["component"]]


def test_delivery_status_shows_what_the_mail_server_does_not_support(publisher: Client) -> None:
    assert "at a time from a worker" not in publisher.get(OVERVIEW).content.decode()
    Destination.objects.create(name=relay_name(), connections=4, pipelining_broken_at=timezone.now())
    page = publisher.get(OVERVIEW).content.decode()
    assert "The mail server accepts 4 connections at a time from a worker" in page
    assert "offers PIPELINING" in page
