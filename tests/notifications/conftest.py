from collections.abc import Iterator

import pytest
import time_machine
from django.db import connection
from pytest_django import Settings

from harness.smtp_server import ScriptedServer
from tests.notifications.times import START


@pytest.fixture(autouse=True)
def _no_hold(settings: Settings) -> None:
    settings.ANNOUNCEMENT_HOLD = 0


@pytest.fixture
def server(smtp: ScriptedServer, settings: Settings) -> ScriptedServer:
    settings.EMAIL_TIMEOUT = 60
    settings.EMAIL_CONNECTIONS = 4
    return smtp


@pytest.fixture
def fresh_pool(transactional_db: None) -> Iterator[None]:
    """Connections that the test has ended stay in the pool, and would fail in the tests after it."""
    yield
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL's alone


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller
