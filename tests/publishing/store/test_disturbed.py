"""Two publishers at once, a full disk, a read-only store: documents are never partial, and the newest content wins."""

import gzip
import threading
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from harness.waiting import wait_for
from incidents import operations, scheduler
from incidents.models import StaleSubject
from incidents.publishing import stale
from incidents.publishing.store import republishing
from incidents.publishing.store.changes import publish_stale
from incidents.publishing.store.public_store import PublicStore
from incidents.publishing.store.publisher import differences
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import make_component, make_incident, make_update
from tests.publishing.blank import publish_blank_page
from tests.publishing.faults import refuse_documents_of
from tests.publishing.processes import start

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("public_store")]


@pytest.fixture(autouse=True)
def page(public_store: Path, blank_store: Path) -> None:
    publish_blank_page(public_store, blank_store)


def stored(path: str) -> str:
    return (PublicStore().read(path) or b"").decode()


def every_document_is_whole() -> bool:
    store = PublicStore()
    pages = [path for path in store.paths() if path.endswith("/")]
    files = [store.file(path) for path in pages]
    compressed = all(gzip.decompress(Path(f"{file}.gz").read_bytes()) == file.read_bytes() for file in files)
    return compressed and all(stored(path).endswith("</html>\n") for path in pages)


def test_newest_content_wins_when_two_publishers_run_at_once() -> None:
    incident = make_incident()
    with start("busy", incident.pk, "zebra", "3") as one, start("busy", incident.pk, "giraf", "3") as other:
        errors = one.communicate()[1] + other.communicate()[1]
    assert [one.returncode, other.returncode] == [0, 0], errors
    assert list(differences()) == []
    assert not StaleSubject.objects.exists()
    assert "zebra 2" in stored("/da/")
    assert "giraf 2" in stored("/da/")


def test_documents_stay_whole_on_a_full_disk_until_the_scheduler_writes_them() -> None:
    incident = make_incident()
    before = stored("/da/")
    with start("busy", incident.pk, "zebra", "1", "2000") as full:
        errors = full.communicate()[1]
    assert full.returncode == 0, errors
    assert "File too large" in StaleSubject.objects.values_list("error", flat=True)[0]
    assert stored("/da/") == before
    assert every_document_is_whole()
    assert not list(PublicStore().root.rglob("*.tmp"))
    scheduler.repair_store()
    assert "zebra 0" in stored("/da/")
    assert list(differences()) == []


@pytest.mark.usefixtures("unhashed_files")
def test_staff_see_why_a_change_is_not_published_until_it_is(admin_client: Client) -> None:
    root = settings.PUBLIC_ROOT
    settings.PUBLIC_ROOT = Path(root, "da", "index.html")  # a file: nothing can be written below it
    incident = make_incident()
    assert "NotADirectoryError" in admin_client.get("/admin/").content.decode()
    settings.PUBLIC_ROOT = root
    scheduler.repair_store()
    assert "NotADirectoryError" not in admin_client.get("/admin/").content.decode()
    assert "Mail er forsinket" in stored(f"/da/incidents/{incident.pk}/")


def test_document_that_cannot_be_deleted_is_reported_and_deleted_later(monkeypatch: pytest.MonkeyPatch) -> None:
    incident = make_incident()

    def read_only(_store: PublicStore, _path: str) -> None:
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr(PublicStore, "delete", read_only)
        operations.withdraw(by=ANYBODY, incident=incident)
    assert "Read-only" in StaleSubject.objects.values_list("error", flat=True)[0]
    scheduler.repair_store()
    assert stored(f"/da/incidents/{incident.pk}/") == ""


def number_of_connections(kind: str) -> int:
    pool: Any = connection.pool  # type: ignore[attr-defined]  # of PostgreSQL
    return int(pool.get_stats().get(kind, 0))


def test_running_scheduler_repairs_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(stale, "publish_for_readers", lambda: None)
        incident = make_incident()
    assert stored(f"/da/incidents/{incident.pk}/") == ""
    timed_out = threading.Event()
    timer = threading.Timer(60, timed_out.set)
    timer.start()
    scheduler.run(lambda: timed_out.is_set() or not StaleSubject.objects.exists(), pause=0.01)
    timer.cancel()
    assert "Mail er forsinket" in stored(f"/da/incidents/{incident.pk}/")
    connection.close()
    wait_for(lambda: number_of_connections("pool_available") == number_of_connections("pool_size"))


def test_renamed_component_leaves_no_page_and_no_feed_behind() -> None:
    mail = operations.add_component(by=ANYBODY, fields={"name": Text(da="Post", en="Mail"), "slug": "mail"})
    assert stored("/da/components/mail/")
    operations.edit_component(by=ANYBODY, component=mail, fields={"slug": "post"})
    assert stored("/da/components/post/")
    assert not (PublicStore().root / "da/components/mail").exists()
    assert list(differences()) == []


def test_hidden_component_leaves_no_page_behind() -> None:
    mail = operations.add_component(by=ANYBODY, fields={"name": Text(da="Post", en="Mail"), "slug": "mail"})
    operations.edit_component(by=ANYBODY, component=mail, fields={"hidden": True})
    assert not (PublicStore().root / "da/components/mail").exists()
    assert list(differences()) == []


def test_long_archive_is_left_to_the_scheduler_but_home_is_written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    incident = make_incident()
    monkeypatch.setattr(republishing, "LONG", 1)
    operations.edit_page(by=ANYBODY, fields={"name": Text(da="Nyt navn", en="New name")})
    assert "Nyt navn" in stored("/da/")
    assert "Nyt navn" not in stored(f"/da/incidents/{incident.pk}/")
    make_update(incident)
    assert "Nyt navn" in stored(f"/da/incidents/{incident.pk}/")
    assert StaleSubject.objects.exists()
    republishing.publish_archive()
    publish_stale()
    assert list(differences()) == []
    assert not StaleSubject.objects.exists()


def test_failing_page_of_the_archive_does_not_delay_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    poisoned, other = make_incident(), make_incident()
    monkeypatch.setattr(republishing, "LONG", 1)
    with monkeypatch.context() as patch:
        refuse_documents_of(poisoned.pk, patch)
        operations.edit_page(by=ANYBODY, fields={"name": Text(da="Nyt navn", en="New name")})
        republishing.publish_archive()
        assert "Nyt navn" in stored(f"/da/incidents/{other.pk}/")
        assert set(StaleSubject.objects.values_list("subject", flat=True)) == {f"incident:{poisoned.pk}"}
    scheduler.repair_store()
    assert list(differences()) == []


def test_added_component_has_its_page_at_once() -> None:
    make_component("web")
    operations.add_component(by=ANYBODY, fields={"name": Text(da="Post", en="Mail"), "slug": "mail"})
    publish_stale()
    assert stored("/en/components/mail/")
