"""Real PostgreSQL and Valkey for the session; fixtures for mail, the public store, the product and a browser.

The environment must be ready before Django reads its settings, that is while
pytest loads this file; see also `harness/environment.py`.
"""

import os
import shutil
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import time_machine
from django.db import connection
from django.test import override_settings
from django.utils import translation
from hypothesis import settings as hypothesis
from pytest_django import DjangoDbBlocker, Settings
from redis import Redis

from harness import browser as chromium
from harness import environment
from harness.product import Product
from harness.smtp_server import ScriptedServer
from harness.waiting import PATIENCE
from statuspage.local.servers import Servers
from tests.support import network
from tests.support.log_ins import NOON

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

environment.prepare()
hypothesis.register_profile("any machine", deadline=None)
hypothesis.load_profile("any machine")
# A shell starts background jobs with SIGINT ignored; the processes of tests would inherit that and never stop.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    """Start the servers once, in the main process; the workers inherit their addresses."""
    is_worker = hasattr(config, "workerinput")
    if not is_worker:
        folder = environment.session_folder()
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
        servers = Servers(folder, os.environ, lasting=False)
        servers.__enter__()
        config.add_cleanup(lambda: servers.__exit__(None, None, None))
    if is_worker or config.getoption("dist", "no") == "no":
        environment.finish()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the slowest files first, so that the quick ones fill the gaps: workers take one file at a time."""
    longest = ("/e2e/", "/deploy/", "_browser.py", "_hardest.py", "/local/")
    items.sort(key=lambda item: not any(part in item.path.as_posix() for part in longest))


@pytest.fixture(autouse=True, scope="session")
def _only_this_machine() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", network.connect_locally)
        yield


@pytest.fixture(autouse=True, scope="session")
def _quick_passwords() -> Iterator[None]:
    """Use a fast hasher: a secure one takes a third of a second, and most tests of the admin create a user."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture(autouse=True, scope="session")
def _flushable_audit_log() -> Iterator[None]:
    """Let tests with transactions empty all tables: the audit log refuses TRUNCATE unless its triggers are disabled."""
    backend = type(connection.ops)
    original = backend.execute_sql_flush

    def flush(operations: Any, statements: Sequence[str]) -> None:
        # Only for this transaction, and only a superuser such as the one of the tests may do it.
        original(operations, ["SET LOCAL session_replication_role = replica", *statements])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backend, "execute_sql_flush", flush)
        yield


@pytest.fixture(autouse=True, scope="session")
def _patient_search() -> Iterator[None]:
    """Give searches the time that a busy machine needs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("incidents.search.results.TIMEOUT", "60s")
        yield


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Close connections of processes that tests killed: they block the database until PostgreSQL notices."""
    yield
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.fixture(scope="session")
def _queue_server() -> Iterator[Redis]:
    with Redis.from_url(os.environ["REDIS_URL"]) as server:
        yield server


@pytest.fixture(autouse=True)
def _empty_queue(_queue_server: Redis) -> None:
    """Delete the jobs and workers that earlier tests left."""
    _queue_server.flushdb()


@pytest.fixture(autouse=True)
def _default_language() -> None:
    """Reset the language, which a request leaves active in the thread."""
    translation.deactivate()


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """A clock that shows noon until the test moves it."""
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def smtp(settings: Settings) -> Iterator[ScriptedServer]:
    """The mail server that the product sends to; see ScriptedServer for making it refuse."""
    with ScriptedServer() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
        yield server


@pytest.fixture
def public_store(settings: Settings, tmp_path: Path) -> Path:
    """An empty public root."""
    root = tmp_path / "public"
    settings.PUBLIC_ROOT = root
    return root


@pytest.fixture
def published_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit publishes also what the scheduler would publish a moment later."""
    # Models can be imported only once Django is set up.
    from incidents.publishing import stale  # noqa: PLC0415
    from incidents.publishing.store.changes import publish_stale  # noqa: PLC0415

    monkeypatch.setattr(stale, "publish_for_readers", publish_stale)


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Product]]:
    """`product(sample_data=True, ANNOUNCEMENT_HOLD="0")` starts a product, which stops after the module."""
    started: list[Product] = []

    def start(*, sample_data: bool = False, **variables: str) -> Product:
        one = Product(tmp_path_factory.mktemp("product"), sample_data=sample_data, **variables)
        one.start()
        started.append(one)
        return one

    yield start
    with ThreadPoolExecutor() as together:
        list(together.map(Product.stop, started))


# While Playwright runs, Django refuses database access in this process, so it stops after the module.
@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """Skip the test without Chromium, or fail if REQUIRE_BROWSER=1."""
    try:
        chromium.find()
    except chromium.NoBrowser as missing:
        (pytest.fail if os.environ.get("REQUIRE_BROWSER") == "1" else pytest.skip)(str(missing))
    with chromium.launch() as running:
        yield running


@pytest.fixture
def browser_context(browser: "Browser") -> Iterator["BrowserContext"]:
    context = browser.new_context(locale="da-DK", timezone_id="Europe/Copenhagen")
    context.set_default_timeout(PATIENCE * 1000)
    yield context
    context.close()


@pytest.fixture
def browser_page(browser_context: "BrowserContext") -> "Page":
    return browser_context.new_page()
