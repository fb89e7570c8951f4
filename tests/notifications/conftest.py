import pytest
from pytest_django import Settings

from harness.smtp_server import ScriptedServer


@pytest.fixture(autouse=True)
def _no_hold(settings: Settings) -> None:
    settings.ANNOUNCEMENT_HOLD = 0


@pytest.fixture
def server(smtp: ScriptedServer, settings: Settings) -> ScriptedServer:
    settings.EMAIL_TIMEOUT = 60
    settings.EMAIL_CONNECTIONS = 4
    return smtp
