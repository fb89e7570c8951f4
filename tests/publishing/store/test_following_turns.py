"""The documents that follow are written in turns, between which pages that readers wait for go first."""

import threading
from collections.abc import Callable, Iterable

import pytest
from django.db import connection

from harness.waiting import wait_for
from incidents.models import Incident, StaleSubject
from incidents.publishing.documents.feeds import Feed
from incidents.publishing.store import changes, lock
from incidents.publishing.store.public_store import PublicStore
from incidents.publishing.store.publisher import differences, publish_all
from incidents.publishing.store.renditions import Rendition
from incidents.publishing.store.run import Run
from incidents.status import ComponentStatus
from incidents.text import Text
from tests.factories import make_component, make_incident, make_page, make_update
from tests.support.database import is_connection_blocked

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("public_store", "without_scheduler"),
]

TURN = 3  # documents
FEED = "/da/feed.atom"


@pytest.fixture
def outage(monkeypatch: pytest.MonkeyPatch) -> Incident:
    """An incident with an update whose other documents are to follow."""
    make_page()
    component = make_component("mail")
    publish_all()
    incident = make_incident(components={component: ComponentStatus.MAJOR_OUTAGE})
    changes.publish_stale()
    monkeypatch.setattr(changes, "SHORT_TURN", TURN)
    make_update(incident, text=Text(da="Først."), notify=False)
    return incident


class Turns:
    """The turns that are written, by thread: "scheduler", or "staff"."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.written: list[tuple[str, list[str]]] = []
        self.first: list[threading.Thread] = []  # started during the first turn, which waits until it is blocked
        write = Run.write

        def recorded(run: Run, renditions: Iterable[Rendition]) -> None:
            turn = list(renditions)
            self._record([one.path for one in turn])
            write(run, turn)

        monkeypatch.setattr(Run, "write", recorded)

    def _record(self, paths: list[str]) -> None:
        is_scheduler = threading.current_thread() is threading.main_thread()
        self.written.append(("scheduler" if is_scheduler else "staff", paths))
        if self.first and is_scheduler:
            self.first.pop().start()
            wait_for(is_connection_blocked)

    @property
    def writers(self) -> list[str]:
        return [writer for writer, _paths in self.written]

    def paths(self, wanted: str) -> list[str]:
        return [path for writer, paths in self.written if writer == wanted for path in paths]


@pytest.fixture
def turns(outage: Incident, monkeypatch: pytest.MonkeyPatch) -> Turns:
    assert outage
    return Turns(monkeypatch)


def in_thread(work: Callable[[], object]) -> threading.Thread:
    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    return threading.Thread(target=run)


def stored(path: str) -> str:
    return (PublicStore().read(path) or b"").decode()


def test_update_of_staff_waits_for_one_turn_at_most(outage: Incident, turns: Turns) -> None:
    update = in_thread(lambda: make_update(outage, text=Text(da="Derefter."), notify=False))
    turns.first = [update]
    changes.publish_following()
    update.join()
    assert turns.writers[:3] == ["scheduler", "staff", "scheduler"]
    assert len(turns.written[0][1]) == TURN
    assert "Derefter." in stored(f"/da/incidents/{outage.pk}/")
    paths = turns.paths("scheduler")
    assert len(paths) == len(set(paths)) > 2 * TURN  # it goes on where it was, and repeats nothing
    assert StaleSubject.objects.filter(is_shown=True).exists()  # of the second update, whose documents are to follow
    changes.publish_following()
    assert not StaleSubject.objects.exists()
    assert list(differences()) == []


def test_documents_follow_as_soon_as_readers_pages_are_published(
    outage: Incident, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scheduler waits for the publisher of readers' pages instead of looking again later."""
    changes.publish_following()
    threads: list[threading.Thread] = []
    write = Run.write

    def write_while_the_scheduler_waits(run: Run, renditions: Iterable[Rendition]) -> None:
        if not threads:
            threads.append(in_thread(changes.publish_following))
            threads[0].start()
            wait_for(is_connection_blocked)
        write(run, renditions)

    monkeypatch.setattr(Run, "write", write_while_the_scheduler_waits)
    make_update(outage, text=Text(da="Derefter."), notify=False)
    threads[0].join()
    assert "Derefter." in stored(FEED)
    assert not StaleSubject.objects.exists()


def test_documents_follow_in_one_transaction_if_nobody_waits(turns: Turns, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []
    monkeypatch.setattr(lock, "acquire", lambda: taken.append("lock"))
    changes.publish_following()
    assert taken == ["lock"]
    assert len(turns.written) > 2


def test_what_another_publisher_has_written_in_between_is_not_repeated(
    outage: Incident, turns: Turns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "do_readers_wait", lambda: True)
    acquire, calls = lock.acquire, []

    def acquire_after_another() -> None:
        calls.append("lock")
        if len(calls) == 2:  # the lock was released after the first turn
            monkeypatch.setattr(lock, "acquire", acquire)
            changes.publish_stale()
            turns.written.clear()
        acquire()

    monkeypatch.setattr(lock, "acquire", acquire_after_another)
    changes.publish_following()
    assert turns.written == []
    assert not StaleSubject.objects.exists()
    assert "Først." in stored(FEED)


def test_publisher_that_dies_between_two_turns_is_repeated(
    outage: Incident, turns: Turns, monkeypatch: pytest.MonkeyPatch
) -> None:
    def acquire_once() -> None:
        if turns.written:
            raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(lock, "do_readers_wait", lambda: True)
        patch.setattr(lock, "acquire", acquire_once)
        with pytest.raises(SystemExit):
            changes.publish_following()
    assert len(turns.written) == 1
    assert StaleSubject.objects.exists()
    changes.publish_following()
    assert not StaleSubject.objects.exists()
    assert list(differences()) == []


def test_reasons_of_all_turns_are_recorded(turns: Turns, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "do_readers_wait", lambda: True)
    with monkeypatch.context() as patch:
        patch.setattr(Feed, "render", lambda *_given: 1 / 0)
        changes.publish_following()
    assert len(turns.written) > 2
    errors = "".join(StaleSubject.objects.failed().values_list("error", flat=True))
    assert "/da/feed.atom: ZeroDivisionError" in errors
    assert "/en/feed.rss: ZeroDivisionError" in errors
    changes.publish_following(retry=True)
    assert list(differences()) == []


def test_documents_are_deleted_after_all_others_are_written(turns: Turns, monkeypatch: pytest.MonkeyPatch) -> None:
    """A document of an earlier turn may link to them until it is written again."""
    written_before = []
    delete = PublicStore.delete

    def recorded(store: PublicStore, path: str) -> None:
        written_before.append(len(turns.written))
        delete(store, path)

    monkeypatch.setattr(lock, "do_readers_wait", lambda: True)
    monkeypatch.setattr(PublicStore, "delete", recorded)
    monkeypatch.setattr(Feed, "render", lambda *_given: None)
    changes.publish_following()
    assert set(written_before) == {len(turns.written)}
    assert not stored(FEED)
