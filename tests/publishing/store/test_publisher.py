"""A committed change is published to files, despite any failure in between."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from incidents import operations, scheduler
from incidents.models import Incident, StaleSubject
from incidents.publishing import stale
from incidents.publishing.documents.base import Edition
from incidents.publishing.documents.pages import Home, IncidentPage
from incidents.publishing.store import fingerprint, lock, publisher
from incidents.publishing.store.changes import publish_stale
from incidents.publishing.store.public_store import PublicStore
from incidents.publishing.store.publisher import differences, publish_all
from incidents.publishing.store.run import Report
from incidents.status import ComponentStatus
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import make_component, make_incident, make_statement, make_update
from tests.publishing.blank import publish_blank_page
from tests.publishing.faults import refuse_documents_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("public_store")]

NOW = datetime(2023, 12, 12, 10, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def page(public_store: Path, blank_store: Path) -> None:
    publish_blank_page(public_store, blank_store)


@pytest.fixture
def broken_disk(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(PublicStore, "put_in_place", full)
    return monkeypatch


def text_of_store() -> str:
    store = PublicStore()
    return "\n".join((store.read(path) or b"").decode(errors="replace") for path in store.paths())


def test_posted_incident_is_in_the_store_in_every_language_at_once() -> None:
    incident = make_incident()
    store = PublicStore()
    assert "Mail er forsinket" in (store.read(f"/da/incidents/{incident.pk}/") or b"").decode()
    assert "Mail is delayed" in (store.read(f"/en/incidents/{incident.pk}/") or b"").decode()
    assert "Mail is delayed" in (store.read("/en/") or b"").decode()
    assert not StaleSubject.objects.exists()


def test_store_and_database_agree_after_every_operation() -> None:
    mail = make_component("mail")
    stale.mark_page()
    publish_stale()
    incident = make_incident(components={mail: ComponentStatus.MAJOR_OUTAGE})
    assert list(differences()) == []
    update = make_update(incident)
    operations.correct_update(by=ANYBODY, update=update, text=Text(da="Rettet."))
    assert list(differences()) == []
    operations.resolve(by=ANYBODY, incident=incident, text=Text(da="Løst."), notify=False)
    assert list(differences()) == []
    operations.withdraw(by=ANYBODY, incident=incident)
    assert list(differences()) == []


def test_store_and_database_agree_when_only_time_passes() -> None:
    """A page shows how long an outage had lasted when the page was published, and that time."""
    mail = make_component("mail")
    with time_machine.travel(NOW, tick=False):
        publish_all()
        make_incident(components={mail: ComponentStatus.MAJOR_OUTAGE})
    written = PublicStore().read("/en/")
    with time_machine.travel(NOW + timedelta(hours=2), tick=False):
        assert list(differences()) == []
        publish_all()
        assert PublicStore().read("/en/") != written
        PublicStore().file("/en/").write_bytes(written or b"")  # now with the wrong time of publishing
        assert list(differences()) == ["differs: /en/"]


def test_database_error_in_one_document_does_not_affect_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """After an error PostgreSQL refuses all queries of the transaction until it is rolled back to a savepoint."""
    poisoned, other = make_incident(), make_incident()
    render = IncidentPage.render

    def fail(document: IncidentPage, key: str, edition: Edition) -> str | None:
        if key == poisoned.pk:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 / 0")
        return render(document, key, edition)

    monkeypatch.setattr(IncidentPage, "render", fail)
    with transaction.atomic():
        make_update(poisoned)
        make_update(other, text=Text(da="Nu går det bedre."))
    store = PublicStore()
    assert "Nu går det bedre." in (store.read(f"/da/incidents/{other.pk}/") or b"").decode()
    assert "Nu går det bedre." in (store.read("/da/") or b"").decode()
    assert "division by zero" in StaleSubject.objects.values_list("error", flat=True)[0]


def test_store_contains_no_draft_hidden_or_withdrawn_text() -> None:
    marker = "zebramarkering"
    words = Text(da=marker, en=marker)
    make_incident(title=words, statement=make_statement(text=words), draft=True)
    open_incident = make_incident()
    operations.post_update(by=ANYBODY, incident=open_incident, statement=make_statement(text=words), draft=True)
    operations.withdraw(by=ANYBODY, incident=make_incident(title=words, statement=make_statement(text=words)))
    make_component("hidden", name=words, hidden=True)
    stale.mark_page()
    publish_stale()
    assert "Mail is delayed" in text_of_store()
    assert marker not in text_of_store()


def test_withdrawn_incident_leaves_no_page_behind() -> None:
    incident = make_incident()
    operations.withdraw(by=ANYBODY, incident=incident)
    assert PublicStore().read(f"/da/incidents/{incident.pk}/") is None


def test_unchanged_documents_are_not_rewritten() -> None:
    make_incident()
    report = publish_all()
    assert report.written == []
    assert report.failed == {}


def test_transaction_is_published_once_however_much_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    published: list[str] = []
    monkeypatch.setattr(stale, "publish_for_readers", lambda: published.append("now"))
    with transaction.atomic():
        stale.mark_page()
        with transaction.atomic():
            stale.mark_page()
    assert published == ["now"]


def test_change_after_a_savepoint_that_was_rolled_back_is_published(monkeypatch: pytest.MonkeyPatch) -> None:
    published: list[str] = []
    monkeypatch.setattr(stale, "publish_for_readers", lambda: published.append("now"))
    with transaction.atomic():
        savepoint = transaction.savepoint()
        stale.mark_page()
        transaction.savepoint_rollback(savepoint)
        stale.mark_page()
    assert published == ["now"]


@pytest.mark.usefixtures("broken_disk")
def test_full_disk_is_reported_to_staff_and_loses_nothing() -> None:
    make_incident()
    assert Incident.objects.count() == 1
    assert "No space left" in StaleSubject.objects.values_list("error", flat=True)[0]


def test_scheduler_publishes_once_the_disk_has_space_again(broken_disk: pytest.MonkeyPatch) -> None:
    incident = make_incident()
    assert PublicStore().read(f"/da/incidents/{incident.pk}/") is None
    broken_disk.undo()
    scheduler.repair_store()
    assert PublicStore().read(f"/da/incidents/{incident.pk}/")
    assert list(differences()) == []
    assert not StaleSubject.objects.exists()


def test_failing_document_does_not_affect_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    poisoned, other = make_incident(), make_incident()
    refuse_documents_of(poisoned.pk, monkeypatch)
    make_update(poisoned)
    make_update(other, text=Text(da="Nu går det bedre."))
    assert "Nu går det bedre." in (PublicStore().read(f"/da/incidents/{other.pk}/") or b"").decode()
    assert StaleSubject.objects.filter(subject=f"incident:{poisoned.pk}").exists()


def test_check_lists_differences_and_prints_nothing_if_there_are_none(capsys: pytest.CaptureFixture[str]) -> None:
    incident = make_incident()
    call_command("publish", check=True)
    assert capsys.readouterr().out == ""
    store = PublicStore()
    store.file("/da/").write_text("something else")
    store.delete(f"/en/incidents/{incident.pk}/")
    store.file("/da/").with_name("stray.html").write_text("who am I")
    with pytest.raises(CommandError, match="3 differences"):
        call_command("publish", check=True)
    output = capsys.readouterr().out
    assert "differs: /da/" in output
    assert f"missing: /en/incidents/{incident.pk}/" in output
    assert "unknown: /da/stray.html" in output
    call_command("publish", all=True)
    assert list(differences()) == []


def test_copy_for_a_file_host_holds_every_document(tmp_path: Path) -> None:
    incident = make_incident()
    call_command("publish", to=tmp_path / "copy")
    assert (tmp_path / "copy/en/incidents" / incident.pk / "index.html").exists()
    assert (tmp_path / "copy/da/index.html").exists()


def connects_with_a_pool(_number: int) -> bool:
    with connection.cursor():
        return connection.pool is not None  # type: ignore[attr-defined]


def test_processes_that_publish_everything_have_no_pool_that_gives_up_early() -> None:
    with publisher._workers(2) as map_batches:
        found: list[Any] = list(map_batches(connects_with_a_pool, range(4)))
    assert found == [False] * 4
    assert connects_with_a_pool(0)


def test_store_written_by_another_version_is_published_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_incident()
    monkeypatch.setattr(fingerprint, "current", lambda: "this version")
    publish_all()
    call_command("publish")
    assert "0 written, 0 unchanged" in capsys.readouterr().out
    monkeypatch.setattr(Home, "render_template", lambda *_args, **_context: "a new look")
    monkeypatch.setattr(fingerprint, "current", lambda: "the next version")
    call_command("publish")
    assert PublicStore().read("/da/") == b"a new look"
    call_command("publish")
    assert "0 written, 0 unchanged" in capsys.readouterr().out.splitlines()[-1]


def test_page_published_during_publish_all_is_not_deleted_as_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """The store is listed and compared with the database under the exclusive lock."""
    locks: list[str] = []
    acquire, delete_unknown = lock.acquire, publisher.delete_unknown

    def recorded_lock(*, shared: bool = False) -> None:
        locks.append("shared" if shared else "exclusive")
        acquire(shared=shared)

    def checked_delete(store: PublicStore, report: Report) -> None:
        assert locks[-1] == "exclusive"
        assert connection.in_atomic_block
        delete_unknown(store, report)
        locks.append("deleted")

    monkeypatch.setattr(lock, "acquire", recorded_lock)
    monkeypatch.setattr(publisher, "delete_unknown", checked_delete)
    publish_all()
    assert locks[-1] == "deleted"
