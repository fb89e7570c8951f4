"""After an upgrade, everything is published again in the background, and an update of staff does not wait for it."""

import errno
import threading
from collections.abc import Callable, Iterable
from itertools import takewhile
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from harness.waiting import wait_for
from incidents import operations, scheduler
from incidents.models import Incident, StaleSubject
from incidents.publishing import stale
from incidents.publishing.documents.pages import Home
from incidents.publishing.store import changes, fingerprint, lock, republishing, turns
from incidents.publishing.store.public_store import PublicStore
from incidents.publishing.store.publisher import differences, publish_all
from incidents.publishing.store.renditions import Renderer, Rendition
from incidents.publishing.store.run import Run
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import make_component, make_incident, make_update
from tests.publishing.blank import publish_blank_page
from tests.publishing.faults import refuse_documents_of
from tests.support.database import is_connection_blocked

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("public_store")]

Written = list[str]

TURN = 3  # documents


@pytest.fixture
def history(public_store: Path, blank_store: Path, monkeypatch: pytest.MonkeyPatch) -> list[Incident]:
    """The page of the former version, with a long history."""
    publish_blank_page(public_store, blank_store)
    component = make_component("mail")
    with monkeypatch.context() as patch:
        patch.setattr(stale, "publish_for_readers", lambda: None)
        made = [make_incident() for _ in range(4)]
    changes.publish_stale()
    stale.mark_components([component])
    changes.publish_stale()
    monkeypatch.setattr(republishing, "LONG", 1)
    monkeypatch.setattr(turns, "SHORT_TURN", TURN)
    return made


@pytest.fixture
def upgraded(history: list[Incident], monkeypatch: pytest.MonkeyPatch) -> list[Incident]:
    """The next version runs, which publishes the same documents."""
    become("the next version", monkeypatch)
    return history


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Written:
    """The paths of documents in the order in which they were to be written."""
    paths: Written = []
    write = Run.write

    def recorded(run: Run, renditions: Iterable[Rendition]) -> None:
        turn = list(renditions)
        paths.extend(one.path for one in turn)
        write(run, turn)

    monkeypatch.setattr(Run, "write", recorded)
    return paths


def become(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprint, "current", lambda: version)


def after(number: int) -> Callable[[], bool]:
    """Become true after so many turns."""
    left = iter([False] * number)
    return lambda: next(left, True)


def is_of_archive(path: str) -> bool:
    return path.startswith(("/da/incidents/", "/en/incidents/", "/da/history/2", "/en/history/2"))


def is_recorded() -> bool:
    return fingerprint.matches(PublicStore())


@pytest.mark.usefixtures("upgraded")
def test_command_publishes_what_readers_see_first_and_leaves_the_archive(
    written: Written, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("publish")
    assert {"/da/", "/en/components/mail/", "/history.atom", "/api/v2/summary.json"} <= set(written)
    assert not any(map(is_of_archive, written))
    row = StaleSubject.objects.get()
    assert f"the other {row.total - row.done} documents" in capsys.readouterr().out
    assert row.done == len(written)
    assert not is_recorded()


def test_scheduler_publishes_the_archive_and_then_the_store_is_of_this_version(
    upgraded: list[Incident], written: Written
) -> None:
    call_command("publish", verbosity=0)
    written.clear()
    republishing.publish_archive()
    assert written
    assert all(map(is_of_archive, written))
    assert {f"/en/incidents/{incident.pk}/" for incident in upgraded} <= set(written)
    assert is_recorded()
    assert not StaleSubject.objects.exists()


@pytest.mark.usefixtures("upgraded")
def test_scheduler_begins_by_itself_if_nobody_has_published() -> None:
    republishing.begin_if_outdated()
    republishing.begin_if_outdated()
    assert StaleSubject.objects.count() == 1
    republishing.publish_archive()
    assert is_recorded()
    republishing.begin_if_outdated()
    assert not StaleSubject.objects.exists()


def test_store_without_a_home_page_is_left_to_the_command(upgraded: list[Incident]) -> None:
    PublicStore().delete("/en/")
    republishing.begin_if_outdated()
    assert not StaleSubject.objects.exists()
    call_command("publish", verbosity=0)
    assert PublicStore().read("/en/")
    assert PublicStore().read(f"/en/incidents/{upgraded[0].pk}/")
    assert is_recorded()


@pytest.mark.usefixtures("upgraded")
def test_publishing_goes_on_after_a_restart_where_it_was(written: Written) -> None:
    republishing.begin()
    while StaleSubject.objects.exists():  # each scheduler is stopped after two turns
        republishing.publish_archive(is_stopped=after(2))
    assert len(written) == len(set(written))
    assert is_recorded()
    assert list(differences()) == []


@pytest.mark.usefixtures("upgraded", "without_scheduler")
def test_running_scheduler_publishes_what_has_begun() -> None:
    republishing.begin()
    timed_out = threading.Event()
    timer = threading.Timer(60, timed_out.set)
    timer.start()
    scheduler.run(lambda: timed_out.is_set() or not StaleSubject.objects.exists(), pause=0.01)
    timer.cancel()
    assert is_recorded()


@pytest.mark.usefixtures("upgraded")
def test_two_schedulers_share_the_work(written: Written) -> None:
    republishing.begin()
    one, other = turns.Turns(), turns.Turns()
    while one.read() & other.read():
        one.write()
        other.write()
    assert len(written) == len(set(written))
    assert is_recorded()


def test_change_of_the_page_in_between_is_published_in_all_documents(upgraded: list[Incident]) -> None:
    republishing.begin()
    republishing.publish_before_archive()
    republishing.publish_archive(is_stopped=after(2))
    operations.edit_page(by=ANYBODY, fields={"name": Text(da="Nyt navn", en="New name")})
    assert StaleSubject.objects.in_background().count() == 2
    republishing.publish_archive()
    assert is_recorded()
    assert not StaleSubject.objects.exists()
    for incident in upgraded:
        assert "New name" in (PublicStore().read(f"/en/incidents/{incident.pk}/") or b"").decode()
    assert list(differences()) == []


@pytest.mark.usefixtures("upgraded")
def test_upgrade_during_an_upgrade_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    republishing.begin()
    republishing.publish_archive(is_stopped=after(3))
    become("the version after the next", monkeypatch)
    republishing.publish_archive()
    assert StaleSubject.objects.get().version == "the next version"  # which has to write its own pages
    republishing.begin_if_outdated()
    row = StaleSubject.objects.get()
    assert (row.version, row.done) == ("the version after the next", 0)


def test_version_that_is_put_back_publishes_everything_too(
    history: list[Incident], monkeypatch: pytest.MonkeyPatch, written: Written
) -> None:
    former = fingerprint.current()
    become("the next version", monkeypatch)
    republishing.begin()
    republishing.publish_archive(is_stopped=after(1))
    written.clear()
    become(former, monkeypatch)
    republishing.begin_if_outdated()
    republishing.publish_archive()
    assert "/da/" in written
    assert f"/da/incidents/{history[0].pk}/" in written
    assert not StaleSubject.objects.exists()
    assert is_recorded()


@pytest.mark.usefixtures("upgraded")
def test_files_of_the_former_version_are_deleted_at_the_end() -> None:
    former = PublicStore().file("/da/former/")
    former.parent.mkdir()
    former.write_text("A page that this version does not have.")
    republishing.begin()
    republishing.publish_archive(is_stopped=after(2))
    assert former.exists()
    republishing.publish_archive()
    assert not former.exists()


def test_document_of_the_archive_that_fails_is_tried_again_by_itself(
    upgraded: list[Incident], monkeypatch: pytest.MonkeyPatch
) -> None:
    republishing.begin()
    with monkeypatch.context() as patch:
        refuse_documents_of(upgraded[1].pk, patch)
        patch.setattr(Renderer, "is_stored", lambda *_args: False)
        republishing.publish_archive()
    assert set(StaleSubject.objects.values_list("subject", flat=True)) == {f"incident:{upgraded[1].pk}"}
    assert is_recorded()
    changes.repair()
    assert not StaleSubject.objects.exists()


def test_home_page_that_fails_does_not_keep_the_archive_from_being_published(
    upgraded: list[Incident], monkeypatch: pytest.MonkeyPatch, written: Written
) -> None:
    republishing.begin()
    with monkeypatch.context() as patch:
        patch.setattr(Home, "render", lambda *_given: 1 / 0)
        for _ in range(2):
            republishing.publish_archive()
        with pytest.raises(CommandError, match="/da/: ZeroDivisionError"):
            call_command("publish", verbosity=0)
    assert f"/da/incidents/{upgraded[0].pk}/" in written
    assert "ZeroDivisionError" in StaleSubject.objects.get().error
    assert not is_recorded()
    written.clear()
    republishing.publish_archive()
    assert sorted(written) == ["/da/", "/en/"]
    assert is_recorded()


@pytest.mark.usefixtures("upgraded")
def test_full_disk_stops_publishing_until_it_has_space(monkeypatch: pytest.MonkeyPatch, written: Written) -> None:
    def full(*_args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    republishing.begin()
    republishing.publish_archive(is_stopped=after(2))
    written.clear()
    with monkeypatch.context() as patch:
        patch.setattr(PublicStore, "put_in_place", full)
        patch.setattr(Renderer, "is_stored", lambda *_args: False)
        republishing.publish_archive()
    assert len(written) == TURN
    assert "No space left" in StaleSubject.objects.get().error
    republishing.publish_archive()
    assert list(differences()) == []
    assert is_recorded()


@pytest.mark.usefixtures("upgraded")
def test_everything_published_in_the_foreground_ends_what_the_background_has_begun() -> None:
    republishing.begin()
    publish_all()
    assert not StaleSubject.objects.exists()
    assert is_recorded()


def test_update_waits_for_one_turn_at_most(upgraded: list[Incident], monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL grants the lock in the order of the requests, so the next turn comes after the update."""
    events: list[object] = []
    update = threading.Thread(target=_post_update, args=(upgraded[0], events))
    write = Run.write

    def write_while_staff_wait(run: Run, renditions: Iterable[Rendition]) -> None:
        turn = list(renditions)
        if not events:
            events.append("the update requests the lock")
            update.start()
            wait_for(is_connection_blocked)
        events.extend(one.path for one in turn)
        write(run, turn)

    monkeypatch.setattr(Run, "write", write_while_staff_wait)
    republishing.begin()
    republishing.publish_archive()
    update.join()
    between = list(takewhile(lambda event: event != "the update has the lock", events[1:]))
    assert 0 < len(between) <= TURN
    assert len(events) > 3 * TURN
    assert "Nyt." in (PublicStore().read(f"/da/incidents/{upgraded[0].pk}/") or b"").decode()


def _post_update(incident: Incident, events: list[object]) -> None:
    acquire = lock.acquire

    def recorded(*, shared: bool = False) -> None:
        acquire(shared=shared)
        if threading.current_thread() is not threading.main_thread():
            events.append("the update has the lock")

    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(lock, "acquire", recorded)
            make_update(incident, text=Text(da="Nyt."), notify=False)
    finally:
        connection.close()
