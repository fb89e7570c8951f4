"""What the tests of publishing share."""

from pathlib import Path

import pytest
from pytest_django import Settings


@pytest.fixture
def unhashed_files(settings: Settings) -> None:
    """For tests that request pages of the admin: the static files are not collected."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}


@pytest.fixture(scope="session")
def blank_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `blank.publish_blank_page` keeps what it publishes, by day."""
    return tmp_path_factory.mktemp("blank") / "public"
