"""The log has one line when publishing begins to fail, one when the reason changes, and one when it works again."""

import errno
import logging
import os
from pathlib import Path

import pytest

from incidents import operations, scheduler
from incidents.models import StaleSubject
from incidents.publishing.failures import Cause, cause_of, log_changes, reason_of
from incidents.publishing.store import republishing
from incidents.publishing.store.public_store import PublicStore
from incidents.publishing.store.publisher import publish_all
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import make_incident, make_update
from tests.publishing.blank import publish_blank_page
from tests.publishing.faults import refuse_documents_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("public_store")]


@pytest.fixture(autouse=True)
def page(public_store: Path, blank_store: Path) -> None:
    publish_blank_page(public_store, blank_store)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO)
    return caplog


def refuse(patch: pytest.MonkeyPatch, number: int) -> None:
    """Fail with another temporary file each time, as a disk does."""
    names = iter(range(1_000_000))

    def refused(_store: PublicStore, _path: str, *_args: object) -> None:
        raise OSError(number, os.strerror(number), f"/srv/public/.index.html.{next(names)}.tmp")

    patch.setattr(PublicStore, "stage", refused)


def test_failure_to_write_the_store_is_logged_once_per_reason(
    monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patch:
        refuse(patch, errno.ENOSPC)
        incident = make_incident()
        for _ in range(3):
            scheduler.repair_store()
        make_update(incident)
        (full,) = log.messages
        assert "No space left on device" in full
        assert "and " in full
        assert "Traceback" not in log.text
        log.clear()
        refuse(patch, errno.EROFS)
        for _ in range(3):
            scheduler.repair_store()
        (read_only,) = log.messages
        assert "Read-only file system" in read_only
        log.clear()
    for _ in range(3):
        scheduler.repair_store()
    (recovered,) = log.messages
    assert recovered.startswith("Published after failing: ")
    assert f"/da/incidents/{incident.pk}/" in recovered
    assert not StaleSubject.objects.exists()


def test_fault_in_a_document_is_logged_once_with_its_traceback(
    monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    poisoned, other = make_incident(), make_incident()
    with monkeypatch.context() as patch:
        refuse_documents_of(poisoned.pk, patch)
        make_update(poisoned)
        make_update(other)
        scheduler.repair_store()
    (message,) = log.messages
    assert "2 documents" in message
    assert message.count("Traceback") == 1
    assert "in refuse" in message
    assert set(StaleSubject.objects.values_list("subject", flat=True)) == {f"incident:{poisoned.pk}"}
    log.clear()
    scheduler.repair_store()
    assert log.messages == [f"Published after failing: 2 documents ({', '.join(pages(poisoned.pk))})"]


def pages(key: str) -> list[str]:
    return [f"/{language}/incidents/{key}/" for language in ("da", "en")]


def test_archive_that_cannot_be_written_is_logged_once(
    monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    make_incident()
    monkeypatch.setattr(republishing, "LONG", 1)
    operations.edit_page(by=ANYBODY, fields={"name": Text(da="Nyt navn", en="New name")})
    with monkeypatch.context() as patch:
        refuse(patch, errno.ENOSPC)
        for _ in range(3):
            republishing.publish_archive()
    assert len(log.messages) == 1
    log.clear()
    republishing.publish_archive()
    assert len(log.messages) == 1
    assert not StaleSubject.objects.exists()


def test_publishing_everything_into_a_full_store_logs_one_line(
    monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    make_incident()
    refuse(monkeypatch, errno.ENOSPC)
    monkeypatch.setattr(PublicStore, "read", lambda *_args: None)
    assert publish_all().failed
    assert len(log.messages) == 1


def test_leftovers_in_a_read_only_store_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    store = PublicStore()
    store.file("/da/").with_name(".index.html.x.tmp").write_text("half")

    def refused(_path: Path, *, missing_ok: bool = False) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "unlink", refused)
    store.remove_leftovers(store.half_written())


@pytest.mark.parametrize(
    ("number", "cause"),
    [
        (errno.ENOSPC, Cause.NO_SPACE),
        (errno.EDQUOT, Cause.NO_SPACE),
        (errno.EROFS, Cause.READ_ONLY),
        (errno.EACCES, Cause.FORBIDDEN),
        (errno.ENOTDIR, Cause.NO_FOLDER),
        (errno.EIO, Cause.STORE),
    ],
)
def test_cause_is_read_from_the_errno(number: int, cause: Cause) -> None:
    assert cause_of(reason_of(OSError(number, os.strerror(number), "/srv/x"))) == cause


def test_other_errors_are_caused_by_the_document_or_the_mirror() -> None:
    assert cause_of(reason_of(ValueError("two\nlines"))) == Cause.DOCUMENT
    assert cause_of("mirror: ConnectionError: [Errno 111] Connection refused") == Cause.MIRROR


def test_mirror_error_with_a_changing_message_is_logged_once(log: pytest.LogCaptureFixture) -> None:
    before = {"/da/": "mirror: ClientError: request 1 was refused"}
    log_changes(before, {"/da/": "mirror: ClientError: request 2 was refused"}, {})
    assert log.messages == []
