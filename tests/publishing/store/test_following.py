"""After a commit, the pages that readers wait for are published; the scheduler publishes the other documents."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
import time_machine
from django.db import connection
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from incidents import operations, scheduler
from incidents.models import Announcement, Component, Incident, StaleSubject
from incidents.notifications import release
from incidents.publishing.documents.feeds import Feed
from incidents.publishing.documents.pages import Home
from incidents.publishing.store import changes, lock
from incidents.publishing.store.public_store import PublicStore
from incidents.publishing.store.publisher import differences, publish_all
from incidents.publishing.store.run import Report
from incidents.staff.actors import SCHEDULER
from incidents.status import ComponentStatus
from incidents.text import Text
from tests.factories import make_component, make_incident, make_page, make_update

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("public_store", "without_scheduler"),
]


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(datetime(2026, 3, 2, 12, tzinfo=UTC), tick=False) as traveller:
        yield traveller


@pytest.fixture
def mail() -> Component:
    make_page()
    component = make_component("mail")
    publish_all()
    return component


@pytest.fixture
def outage(mail: Component) -> Incident:
    incident = make_incident(components={mail: ComponentStatus.MAJOR_OUTAGE})
    changes.publish_stale()
    return incident


def stored(path: str) -> str:
    return (PublicStore().read(path) or b"").decode()


def page_of(incident: Incident) -> str:
    return stored(f"/da/incidents/{incident.pk}/")


def post(incident: Incident, text: str = "Strømmen er væk.") -> None:
    make_update(incident, text=Text(da=text), notify=False)


def test_commit_publishes_the_pages_that_readers_wait_for(outage: Incident) -> None:
    post(outage)
    assert "Strømmen er væk." in page_of(outage)
    assert "Strømmen er væk." in stored("/da/")
    assert "Strømmen er væk." not in stored("/da/feed.atom")
    assert set(StaleSubject.objects.values_list("is_shown", flat=True)) == {True}


def test_scheduler_publishes_the_other_documents(outage: Incident) -> None:
    post(outage)
    changes.publish_following()
    assert "Strømmen er væk." in stored("/da/feed.atom")
    assert "Strømmen er væk." in stored("/da/api/v2/summary.json")
    assert not StaleSubject.objects.exists()
    assert list(differences()) == []


def test_running_scheduler_follows_without_repairing(outage: Incident, monkeypatch: pytest.MonkeyPatch) -> None:
    post(outage)
    monkeypatch.setattr(scheduler, "repair_store", lambda: None)
    timed_out = threading.Event()
    timer = threading.Timer(60, timed_out.set)
    timer.start()
    scheduler.run(lambda: timed_out.is_set() or not StaleSubject.objects.exists(), pause=0.01)
    timer.cancel()
    assert "Strømmen er væk." in stored("/da/feed.atom")


def test_half_written_files_are_looked_for_without_the_lock_that_staff_wait_for(
    outage: Incident, monkeypatch: pytest.MonkeyPatch
) -> None:
    leftover = PublicStore().root / "da" / ".index.html.killed.tmp"
    leftover.write_text("<html", encoding="utf-8")
    half_written = PublicStore.half_written

    def found(store: PublicStore) -> list[Path]:
        assert not connection.in_atomic_block
        return half_written(store)

    monkeypatch.setattr(PublicStore, "half_written", found)
    post(outage)
    changes.repair()
    assert not leftover.exists()


def test_half_written_files_of_a_publisher_at_work_are_not_looked_for(
    outage: Incident, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looking for them takes a long history half a second, and readers wait for that publisher."""
    written = PublicStore().root / "da" / ".index.html.half.tmp"
    post(outage)
    written.write_text("<html", encoding="utf-8")
    monkeypatch.setattr(changes, "publish_stale", Report)
    with psycopg.connect(**connection.get_connection_params()) as publisher:
        publisher.execute("SELECT pg_advisory_xact_lock(%s)", [lock._LOCK])
        changes.repair()
        assert written.exists()
    changes.repair()
    assert not written.exists()


def test_one_run_follows_several_updates(outage: Incident) -> None:
    post(outage)
    post(outage, "Det er løst om lidt.")
    changes.publish_following()
    assert "Det er løst om lidt." in stored("/da/feed.atom")
    assert list(differences()) == []


def test_change_that_readers_do_not_see_yet_is_left_to_its_publisher(
    outage: Incident, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that has committed it is about to publish; the scheduler would only get in its way."""
    monkeypatch.setattr("incidents.publishing.stale.publish_for_readers", lambda: None)
    post(outage)
    changes.publish_following()
    assert StaleSubject.objects.unshown().exists()
    scheduler.repair_store()
    assert list(differences()) == []


def test_withdrawal_is_published_everywhere_at_once(outage: Incident) -> None:
    """No feed or month may link to a page that is gone, and what is withdrawn must not be read anywhere."""
    operations.withdraw(incident=outage, by=SCHEDULER)
    assert outage.pk not in stored("/da/feed.atom")
    assert not page_of(outage)
    assert not StaleSubject.objects.exists()


def test_new_name_is_published_everywhere_at_once(outage: Incident) -> None:
    operations.edit_page(fields={"name": Text(da="Nyt navn", en="New name")}, by=SCHEDULER)
    assert "Nyt navn" in stored("/da/feed.atom")
    assert list(differences()) == []


def test_page_that_fails_keeps_no_other_document_from_being_published(
    outage: Incident, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Home, "render", lambda *_given: 1 / 0)
        post(outage)
        assert "Strømmen er væk." in stored("/da/feed.atom")
        assert StaleSubject.objects.unshown().failed().exists()
    scheduler.repair_store()
    assert list(differences()) == []


def test_feed_that_fails_is_tried_again_by_repair_alone(outage: Incident, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scheduler looks twenty times a second: it would render what fails again and again."""
    calls = []

    def fail(*_given: object) -> str:
        calls.append("feed")
        raise ZeroDivisionError

    post(outage)
    with monkeypatch.context() as patch:
        patch.setattr(Feed, "render", fail)
        changes.publish_following()
        tried = len(calls)
        changes.publish_following()
        assert len(calls) == tried
    assert "ZeroDivisionError" in StaleSubject.objects.failed().values_list("error", flat=True)[0]
    scheduler.repair_store()
    assert list(differences()) == []


def test_subscribers_are_notified_once_the_page_shows_the_update(
    outage: Incident, clock: time_machine.Traveller
) -> None:
    Announcement.objects.all().delete()
    make_update(outage, notify=True)
    clock.shift(timedelta(hours=1))
    assert StaleSubject.objects.exists()
    release.release_due(timezone.now())
    assert Announcement.objects.get().expanded_at is not None


def test_subscribers_wait_until_the_page_shows_the_update(
    outage: Incident, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    Announcement.objects.all().delete()
    monkeypatch.setattr("incidents.publishing.stale.publish_for_readers", lambda: None)
    make_update(outage, notify=True)
    clock.shift(timedelta(hours=1))
    release.release_due(timezone.now())
    assert Announcement.objects.get().expanded_at is None


def test_everything_can_be_published_while_documents_are_to_follow(outage: Incident) -> None:
    post(outage)
    publish_all()
    changes.publish_following()
    assert list(differences()) == []


def test_number_of_queries_for_the_other_documents_is_limited(
    outage: Incident, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _each in range(3):
        make_incident(components={Component.objects.get(): ComponentStatus.PARTIAL_OUTAGE})
    changes.publish_following()
    post(outage)
    with django_assert_max_num_queries(72):
        changes.publish_following()
