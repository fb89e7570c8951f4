"""A page in use, and a backup of it. A test may destroy the database; the next one gets a new one."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
import time_machine
from django.core.management import call_command
from django.db import connection, connections
from pytest_django import Settings


@pytest.fixture
def page(
    transactional_db: None, public_store: Path, settings: Settings, clock: time_machine.Traveller
) -> Iterator[Path]:
    """The root of its public store. The clock is fixed, because pages say how long an outage lasts."""
    settings.ANNOUNCEMENT_HOLD = 0
    import_module("tests.backup.filled").fill()  # pytest loads this file before Django is ready for models
    yield public_store
    connections.close_all()
    connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL's alone
    call_command("migrate", verbosity=0)


@pytest.fixture
def backup(page: Path, tmp_path: Path) -> Path:
    """A backup of the page, which is not encrypted."""
    file: Path = import_module("tests.backup.filled").back_up(tmp_path / "page.tar")
    return file
