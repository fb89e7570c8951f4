"""What the tests of publishing share."""

from pathlib import Path

import pytest
from pytest_django import Settings


@pytest.fixture(autouse=True)
def scheduler(request: pytest.FixtureRequest) -> None:
    """Most of these tests are not about what is published by whom."""
    if "without_scheduler" not in request.fixturenames:
        request.getfixturevalue("published_at_once")


@pytest.fixture
def without_scheduler() -> None:
    """A commit publishes the pages that readers wait for, and nothing else."""


@pytest.fixture
def unhashed_files(settings: Settings) -> None:
    """For tests that request pages of the admin: the static files are not collected."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}


@pytest.fixture(scope="session")
def blank_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `blank.publish_blank_page` keeps what it publishes, by day."""
    return tmp_path_factory.mktemp("blank") / "public"
