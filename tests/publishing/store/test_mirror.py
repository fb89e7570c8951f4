"""After publishing, documents are copied to a mirror and changed addresses are purged from caches."""

from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import InMemoryStorage, Storage, storages
from django.test import Client
from pytest_django import Settings

from incidents import operations, scheduler
from incidents.models import StaleSubject
from incidents.publishing.store import mirror
from incidents.publishing.store.public_store import PublicStore
from incidents.publishing.store.publisher import publish_all
from tests.actors import ANYBODY
from tests.factories import make_incident, make_page, make_update

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("public_store")]


class Bucket(InMemoryStorage):
    """Overwrites as a bucket does, records what it receives, and can be unreachable."""

    is_unreachable = False

    def __init__(self) -> None:
        super().__init__()
        self.headers: dict[str, tuple[str, str]] = {}
        self.order: list[str] = []

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return name

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        if self.is_unreachable:
            raise ConnectionError("The bucket does not answer")
        self.delete(name or "")
        saved = super().save(name, content, max_length)
        self.headers[saved] = (content.content_type, content.cache_control)
        self.order.append(saved)
        return saved


@pytest.fixture(params=["bucket", "files", "files that overwrite"])
def any_mirror(request: pytest.FixtureRequest, settings: Settings, tmp_path: Path) -> Storage:
    files = "django.core.files.storage.FileSystemStorage"
    backend, options = {
        "bucket": (f"{__name__}.Bucket", {}),
        "files": (files, {"location": str(tmp_path / "mirror")}),
        "files that overwrite": (files, {"location": str(tmp_path / "mirror"), "allow_overwrite": "1"}),
    }[request.param]
    settings.STORAGES = {**settings.STORAGES, "mirror": {"BACKEND": backend, "OPTIONS": options}}
    make_page()
    return storages["mirror"]


@pytest.fixture
def bucket(settings: Settings) -> Bucket:
    settings.STORAGES = {**settings.STORAGES, "mirror": {"BACKEND": f"{__name__}.Bucket"}}
    make_page()
    found = storages["mirror"]
    assert isinstance(found, Bucket)
    return found


def same(storage: Storage, store: PublicStore) -> bool:
    """Whether the mirror has every document of the store, byte for byte."""
    names = [store.file(path).relative_to(store.root).as_posix() for path in store.paths()]
    return all(storage.exists(name) and content(storage, name) == (store.root / name).read_bytes() for name in names)


def content(storage: Storage, name: str) -> bytes:
    with storage.open(name) as file:
        found = file.read()
    assert isinstance(found, bytes)
    return found


def test_mirror_equals_the_store_after_every_change(any_mirror: Storage) -> None:
    publish_all()
    incident = make_incident()
    make_update(incident)
    assert same(any_mirror, PublicStore())
    assert content(any_mirror, "index.html") == PublicStore().read("/da/")
    operations.withdraw(by=ANYBODY, incident=incident)
    assert not any_mirror.exists(f"da/incidents/{incident.pk}/index.html")
    assert same(any_mirror, PublicStore())
    publish_all()
    assert [name for name in any_mirror.listdir("da")[1] if "_" in name] == []
    assert [name for name in any_mirror.listdir("en")[1] if name.endswith((".gz", ".br"))] == []


def test_bucket_gets_the_type_and_caching_of_each_document(bucket: Bucket) -> None:
    publish_all()
    assert bucket.headers["da/index.html"][0] == "text/html; charset=utf-8"
    assert "stale-if-error" in bucket.headers["da/index.html"][1]
    assert bucket.headers["da/feed.atom"][0] == "application/atom+xml; charset=utf-8"
    styles = next(name for name in bucket.headers if name.endswith(".css"))
    assert "immutable" in bucket.headers[styles][1]


def test_incident_is_in_the_bucket_before_the_home_page_that_links_to_it(bucket: Bucket) -> None:
    publish_all()
    bucket.order.clear()
    incident = make_incident()
    assert bucket.order.index(f"da/incidents/{incident.pk}/index.html") < bucket.order.index("da/index.html")


def test_unreachable_bucket_does_not_prevent_publishing_and_is_updated_later(bucket: Bucket) -> None:
    publish_all()
    bucket.is_unreachable = True
    incident = make_incident()
    path = f"/da/incidents/{incident.pk}/"
    assert PublicStore().read(path)
    assert "The bucket does not answer" in StaleSubject.objects.values_list("error", flat=True)[0]
    bucket.is_unreachable = False
    scheduler.repair_store()
    assert same(bucket, PublicStore())
    assert not StaleSubject.objects.exists()


def test_mirrored_file_reads_as_its_bytes() -> None:
    file = mirror.MirroredFile("/da/", b"<p>")
    assert isinstance(file, ContentFile)
    assert file.read() == b"<p>"


@pytest.fixture
def purged(settings: Settings, tmp_path: Path) -> Path:
    """A file with the addresses that the command received in all its runs."""
    found = tmp_path / "purged"
    settings.PURGE_COMMAND = ["sh", "-c", f"cat >> {found}"]
    make_page()
    publish_all()
    found.write_text("")
    return found


def test_purge_command_gets_exactly_the_changed_addresses(purged: Path) -> None:
    incident = make_incident()
    urls = purged.read_text().split()
    assert f"https://status.example.dk/da/incidents/{incident.pk}/" in urls
    assert {"https://status.example.dk/en/", "https://status.example.dk/"} <= set(urls)
    assert {
        "https://status.example.dk/api/v2/summary.json",
        "https://status.example.dk/en/api/v2/summary.json",
        "https://status.example.dk/api/v2/summary.json?lang=en",
    } <= set(urls)
    assert len(urls) == len(set(urls))
    assert not [url for url in urls if "/assets/" in url]
    purged.write_text("")
    publish_all()
    assert purged.read_text() == ""


@pytest.mark.usefixtures("unhashed_files")
def test_staff_see_that_the_purge_command_failed(settings: Settings, admin_client: Client) -> None:
    settings.PURGE_COMMAND = ["sh", "-c", "echo No such zone >&2; exit 3"]
    make_page()
    incident = make_incident()
    assert PublicStore().read(f"/da/incidents/{incident.pk}/")
    front = admin_client.get("/admin/").content.decode()
    assert "No such zone" in front
    assert not StaleSubject.objects.exclude(subject="purge").exists()
    settings.PURGE_COMMAND = ["true"]
    make_update(incident)
    assert not StaleSubject.objects.exists()


def test_command_that_hangs_is_given_up(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("incidents.publishing.store.purge.LIMIT", 0.1)
    settings.PURGE_COMMAND = ["sleep", "600"]
    make_page()
    make_incident()
    assert "timed out" in StaleSubject.objects.get(subject="purge").error
