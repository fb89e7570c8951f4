"""What `doctor` finds about the public store and its mirror."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from incidents.doctor import publishing
from incidents.models import StaleSubject
from incidents.publishing.store import republishing
from incidents.publishing.store.changes import publish_stale
from incidents.publishing.store.publisher import publish_all
from tests.factories import make_page

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def published(public_store: Path) -> Path:
    make_page()
    publish_all()
    return public_store


def test_published_store_is_fine() -> None:
    assert publishing.store_is_writable().state == "OK"
    result = publishing.store_is_current()
    assert (result.state, result.found) == ("OK", "nothing waits; never compared")


def test_store_that_is_missing_fails(settings: Settings, tmp_path: Path) -> None:
    settings.PUBLIC_ROOT = tmp_path / "nowhere"
    result = publishing.store_is_writable()
    assert (result.state, result.found) == ("FAIL", "No such file or directory")


def test_store_of_another_version_is_a_warning(published: Path) -> None:
    (published / ".written-by").write_text("another")
    assert publishing.store_is_writable().state == "WARN"


def test_store_that_is_being_published_again_is_fine() -> None:
    republishing.begin()
    StaleSubject.objects.update(done=4_200, total=20_448, since=timezone.now() - timedelta(minutes=5))
    result = publishing.store_is_writable()
    assert result.state == "OK"
    assert "4,200 of 20,448 documents" in result.found
    assert publishing.store_is_current().state == "OK"


def test_change_that_waits_for_long_fails() -> None:
    StaleSubject.objects.create(subject="page", since=timezone.now() - timedelta(minutes=1))
    assert publishing.store_is_current().state == "OK"
    StaleSubject.objects.create(subject="page", since=timezone.now() - timedelta(hours=5))
    result = publishing.store_is_current()
    assert (result.state, result.found) == ("FAIL", "a change has not been published for 5 hours")


def test_documents_that_cannot_be_written_fail() -> None:
    StaleSubject.objects.create(subject="page", error="/da/: OSError: [Errno 28] No space left on device")
    result = publishing.store_is_current()
    assert (result.state, result.found) == ("FAIL", "1 document not written")


def test_differences_of_the_last_comparison_are_a_warning(published: Path) -> None:
    (published / "unknown.txt").write_text("not ours")
    with pytest.raises(CommandError, match="1 difference"):
        call_command("publish", check=True, verbosity=0)
    result = publishing.store_is_current()
    assert (result.state, result.found) == ("WARN", "the last comparison found 1 difference")
    (published / "unknown.txt").unlink()
    call_command("publish", check=True, verbosity=0)
    assert "compared 0 seconds ago" in publishing.store_is_current().found


@pytest.fixture
def mirrored(settings: Settings, tmp_path: Path) -> Path:
    backend = "django.core.files.storage.FileSystemStorage"
    settings.STORAGES = settings.STORAGES | {
        "mirror": {"BACKEND": backend, "OPTIONS": {"location": str(tmp_path / "mirror")}}
    }
    return tmp_path / "mirror"


def test_mirror_has_to_be_configured() -> None:
    assert publishing.mirror_is_current().found == "not configured"


def test_mirror_without_a_page_fails_until_everything_is_published(mirrored: Path) -> None:
    result = publishing.mirror_is_current()
    assert (result.state, result.found) == ("FAIL", "has no home page")
    publish_all()
    assert publishing.mirror_is_current().state == "OK"


def test_mirror_that_is_behind_is_a_warning(mirrored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish_all()

    def refuse(*_arguments: Any) -> Iterator[tuple[str, BaseException]]:
        yield "/da/", OSError(5, "the bucket is gone")

    monkeypatch.setattr("incidents.publishing.store.mirror.update", refuse)
    StaleSubject.objects.create(subject="page")
    publish_stale()
    result = publishing.mirror_is_current()
    assert (result.state, result.found) == ("WARN", "1 document missing or old")
    assert publishing.store_is_current().state == "OK"


def test_mirror_that_does_not_answer_fails_with_the_reason(mirrored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: Any) -> bool:
        raise ConnectionError("the bucket does not answer")

    monkeypatch.setattr("django.core.files.storage.FileSystemStorage.exists", refuse)
    result = publishing.mirror_is_current()
    assert (result.state, result.found) == ("FAIL", "ConnectionError: the bucket does not answer")
