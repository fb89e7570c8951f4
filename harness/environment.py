"""The environment that tests run in, independent of the developer's own."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from django.conf import settings

# Every variable that the product reads, except those that name servers; test_settings.py keeps the list complete.
OWN = """
    ADMIN_PASSWORD ALERT_BEFORE_START ALERT_WEBHOOK_FORMAT ALERT_WEBHOOK_URL ALLOWED_HOSTS
    ANNOUNCEMENT_HOLD BACKUP_RECIPIENTS BOUNCE_ADDRESS BUSINESS_HOURS DATABASE_POOL DEBUG
    DEFAULT_FROM_EMAIL DEFAULT_LANGUAGE DELIVERIES_KEPT_DAYS DESTINATION_RATE DOCUMENTATION_URL
    EMAIL_CONNECTIONS EMAIL_RATE EMAIL_SMTPUTF8 EMAIL_URL FEED_ID_HOST GROUP_BY_MX HOST LANGUAGES LEDGER_BATCH
    LEFT_ADDRESS_KEPT_DAYS LOG_FORMAT LOG_LEVEL MAIL_PROVIDER MAIL_PROVIDER_KEY MAIL_PROVIDER_SECRET
    MAINTENANCE_REMINDERS MAINTENANCE_WEEKS_AHEAD METRICS_TOKEN PORT PUBLIC_HOLIDAYS PUBLIC_MIRROR PUBLIC_ROOT
    PURGE_COMMAND
    REMEMBER_DEVICE_DAYS REQUIRE_SECOND_FACTOR RESEND_UNCERTAIN SAMPLE_DATA SECRET_KEY SECRET_KEY_FALLBACKS
    SECURITY_CONTACT SENTRY_DSN SESSION_IDLE_MINUTES SITE_URL
    LOCAL_LOG_IN OIDC_CLIENT_ID OIDC_CLIENT_SECRET OIDC_GROUPS_CLAIM OIDC_ISSUER OIDC_LABEL
    REMOTE_GROUPS_HEADER REMOTE_USER_HEADER SSO_ROLES
    TIME_ZONE TRUSTED_PROXIES TRUST_PROXY_HEADERS VAR_DIR WEBHOOK_NETWORKS BODY_TIMEOUT WEB_THREADS
""".split()
SERVERS = ["DATABASE_URL", "REDIS_URL"]

SETTINGS_MODULE = "DJANGO_SETTINGS_MODULE"
FIXED = {
    "SECRET_KEY": "a-key-for-tests-that-guards-nothing-but-is-long-enough-for-the-checks",
    "SITE_URL": "https://status.example.dk",
    "REQUIRE_SECOND_FACTOR": "none",  # with https, the default would send every test to the page that sets one up
    "DEFAULT_FROM_EMAIL": "Eksempel Hosting <status@example.dk>",
}
FOLDER = "STATUSPAGE_TESTS_FOLDER"
LEAST_MEMORY = 4 * 1024**3


def worker_number() -> int:
    """0 for the process that was started; 1, 2, … for those of pytest-xdist."""
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw-1").removeprefix("gw")) + 1


def prepare() -> None:
    """Set the variables of this process. Its folder is inside the session's, which the first process creates."""
    if settings.configured:
        raise pytest.UsageError("The tests bring their own environment: unset DJANGO_SETTINGS_MODULE, drop --ds.")
    for name in [*OWN, SETTINGS_MODULE]:
        os.environ.pop(name, None)
        os.environ.pop(f"{name}_FILE", None)
    os.environ.update(FIXED)
    os.environ["VAR_DIR"] = str(session_folder() / f"process-{worker_number()}")


def session_folder() -> Path:
    """The folder of everything that tests write: servers' data, public stores, pytest's temporary folders."""
    if FOLDER not in os.environ:
        folder = Path(tempfile.mkdtemp(prefix="statuspage-tests-", dir=memory()))
        folder.chmod(0o711)  # PostgreSQL does not run as root and must be able to enter
        os.environ[FOLDER] = os.environ["TMPDIR"] = str(folder)
        tempfile.tempdir = None  # read TMPDIR again
    return Path(os.environ[FOLDER])


def memory() -> Path | None:
    """A folder in memory, if the machine has one with enough space: syncing a file there takes no time."""
    folder = Path("/dev/shm")
    roomy = folder.is_dir() and os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > LEAST_MEMORY
    return folder if roomy else None


def finish() -> None:
    """Let Django find its settings, in a process that runs tests.

    Where this variable is set already, pytest-django reads the settings before any
    conftest.py, so a worker must not inherit it.
    """
    if number := worker_number():
        os.environ["REDIS_URL"] = queue_url(number)
    os.environ[SETTINGS_MODULE] = "statuspage.settings"
    assert settings.DATABASES  # read them now: pytest-django sets Django up right after this


def queue_url(number: int) -> str:
    """Another of the numbered databases of the session's Valkey."""
    url = os.environ["REDIS_URL"]
    base = url.split("?")[0] if url.startswith("unix:") else url.rsplit("/", 1)[0]
    return f"{base}?db={number}" if url.startswith("unix:") else f"{base}/{number}"
