from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone
from pytest_django import Settings

from incidents import operations
from incidents.models import Delivery, Destination, FoldedDeliveries, RenderedPost, Subscriber
from incidents.notifications.ledger import retention
from tests.factories import make_subscriber
from tests.notifications.helpers import announced

pytestmark = pytest.mark.django_db


def test_command_erases_departed_subscribers_and_unconfirmed_sign_ups() -> None:
    long_ago = timezone.now() - timedelta(days=40)
    make_subscriber("left@example.dk", state="unsubscribed", left_at=long_ago)
    make_subscriber("asked@example.dk", state="pending", confirmed_at=None, requested_at=long_ago)
    make_subscriber("stays@example.dk")
    said = StringIO()
    call_command("retention", stdout=said)
    assert "Replaced 0 deliveries older than 90 days with counts." in said.getvalue()
    assert "Erased 1 addresses that left more than 30 days ago." in said.getvalue()
    assert set(Subscriber.objects.values_list("address", flat=True)) == {"", "stays@example.dk"}


def test_recovered_destination_is_deleted_after_a_while_unless_deliveries_wait_for_it(settings: Settings) -> None:
    settings.ANNOUNCEMENT_HOLD = 0
    make_subscriber("zed@solo.dk")
    announced()  # waits for solo.dk
    now = timezone.now()
    for name in ("idle.dk", "solo.dk", "recent.dk", "busy.dk"):
        Destination.objects.create(name=name)
    Destination.objects.filter(name="busy.dk").update(failing_since=now, retry_at=now)
    Destination.objects.exclude(name="recent.dk").update(updated_at=now - timedelta(days=500))
    operations.apply_retention(now=now)
    assert [one.name for one in Destination.objects.order_by("name")] == ["busy.dk", "recent.dk", "solo.dk"]


def test_bodies_of_old_posts_are_deleted(settings: Settings) -> None:
    now = timezone.now()
    old = now - timedelta(days=settings.DELIVERIES_KEPT_DAYS + 1)
    RenderedPost.objects.create(key="old", body="{}", rendered_at=old)
    RenderedPost.objects.create(key="new", body="{}", rendered_at=now)
    operations.apply_retention(now=now)
    assert list(RenderedPost.objects.values_list("key", flat=True)) == ["new"]


def test_old_deliveries_become_counts_in_batches_up_to_a_limit(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ANNOUNCEMENT_HOLD = 0
    monkeypatch.setattr(retention, "BATCH", 2)
    for _number in range(5):
        make_subscriber()
    announcement, recent = announced(), announced()
    now = timezone.now()
    Delivery.objects.update(state="sent", sent_at=now)
    announcement.created_at = now - timedelta(days=settings.DELIVERIES_KEPT_DAYS + 1)
    announcement.save()
    assert operations.apply_retention(now=now, limit=3) == 4
    assert operations.apply_retention(now=now, limit=3) == 1
    assert operations.apply_retention(now=now) == 0
    assert list(FoldedDeliveries.objects.values_list("announcement", "state", "number")) == [
        (announcement.pk, "sent", 5)
    ]
    assert recent.deliveries.count() == 5
