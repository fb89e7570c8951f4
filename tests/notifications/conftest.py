from collections.abc import Iterator

import pytest
from pytest_django import Settings

from harness.smtp_server import ScriptedServer


@pytest.fixture(autouse=True)
def _no_hold(settings: Settings) -> None:
    settings.ANNOUNCEMENT_HOLD = 0


@pytest.fixture
def server(settings: Settings) -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", running.port
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
        settings.EMAIL_TIMEOUT = 60
        settings.EMAIL_CONNECTIONS = 4
        yield running
