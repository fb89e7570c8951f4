"""Staff with the rights of their role, each with a browser of their own."""

from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.test import Client
from pytest_django import Settings

# No model is imported here: pytest loads this file before Django is ready.


@pytest.fixture(autouse=True)
def _unhashed_files(settings: Settings) -> None:
    """Nobody has collected the static files for these tests."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}


class Browser(Client):
    """A client that follows the redirects of a page that it opens, as browsers do."""

    def get(self, path: str, data: Any = None, follow: bool = True, **kwargs: Any) -> Any:  # type: ignore[override]
        return super().get(path, data, follow=follow, **kwargs)


def staff(name: str, *codenames: str) -> Client:
    user = get_user_model().objects.create_user(name, is_staff=True)
    permissions = apps.get_model("auth", "Permission").objects.filter(content_type__app_label="incidents")
    user.user_permissions.set(permissions.filter(codename__in=codenames))
    client = Browser(headers={"Accept-Language": "en"})
    client.force_login(user)
    return client


@pytest.fixture
def publisher(db: None) -> Client:
    """May do everything."""
    client = Browser(headers={"Accept-Language": "en"})
    client.force_login(get_user_model().objects.create_superuser("karen"))
    return client


@pytest.fixture
def viewer(db: None) -> Client:
    """May look at everything and change nothing."""
    models = "incident maintenance component componentgroup page subscriber announcement delivery bounce".split()
    return staff("viggo", *(f"view_{model}" for model in models))
