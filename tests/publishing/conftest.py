"""What the tests of publishing share."""

import pytest
from pytest_django import Settings


@pytest.fixture
def unhashed_files(settings: Settings) -> None:
    """For a look at the admin: nobody has collected the static files for these tests."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
