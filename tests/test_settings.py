"""The settings read the environment, and refuse what makes no sense in words that help."""

import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
from django.core.exceptions import ImproperlyConfigured

from statuspage.env import Environment
from statuspage.local import plan
from statuspage.settings import env as settings_env
from tests.support import environment
from tests.support.product import ROOT, run_environment

KEY = "unit-test-key-that-is-long-enough-and-random-enough-2f8c1d7e9b"


def load_settings(monkeypatch: pytest.MonkeyPatch, **variables: str) -> ModuleType:
    """The settings as another process would read them, from just this environment."""
    for name in [*environment.OWN, *environment.SERVERS]:
        monkeypatch.delenv(name, raising=False)
    for name, value in {"SECRET_KEY": KEY, **variables}.items():
        monkeypatch.setenv(name, value)
    spec = spec_from_file_location("statuspage.settings_read_again", ROOT / "statuspage/settings.py")
    assert spec is not None
    assert spec.loader is not None
    read = module_from_spec(spec)
    spec.loader.exec_module(read)
    return read


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("SECRET_KEY", "", "secrets.token_urlsafe"),
        ("SITE_URL", "status.example.com", "https://status.example.com"),
        ("SITE_URL", "https://example.com/status", "scheme and host only"),
        ("DATABASE_URL", "mysql://localhost/x", "postgresql://"),
        ("DATABASE_URL", "postgresql://localhost:many/x", "postgresql://"),
        ("DEFAULT_FROM_EMAIL", "Status page", "status@example.com"),
        ("BOUNCE_ADDRESS", "Bounces <bounces@example.com>", "bounces@example.com"),
        ("BOUNCE_ADDRESS", "bounces" * 4 + "@example.com", "at most 24"),
        ("REDIS_URL", "localhost", "redis://"),
        ("MAIL_PROVIDER", "pigeon", "brevo, mailgun"),
        ("MAIL_PROVIDER", "postmark", "name:password"),
        ("EMAIL_URL", "mail.example.com", "smtp+tls://"),
        ("LANGUAGES", "da,klingon", "comma-separated"),
        ("LANGUAGES", ",", "comma-separated"),
        ("DEFAULT_LANGUAGE", "de", "da, en"),
        ("TIME_ZONE", "Copenhagen", "Europe/Copenhagen"),
        ("DEBUG", "maybe", "1 or 0"),
        ("ANNOUNCEMENT_HOLD", "soon", "whole number"),
        ("LOG_LEVEL", "LOUD", "WARNING"),
        ("WEBHOOK_NETWORKS", "10.0.0.1/8", "10.20.0.0/16"),
        ("SECRET_KEY_FILE", "/no/such/file", "readable file"),
    ],
)
def test_wrong_value_stops_the_start_and_says_what_to_write(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, hint: str
) -> None:
    with pytest.raises(ImproperlyConfigured, match=name.removesuffix("_FILE")) as refused:
        load_settings(monkeypatch, **{name: value})
    assert hint in str(refused.value)


def test_refusal_reaches_whoever_starts_it_as_one_line() -> None:
    """For one of them, through a process of its own."""
    variables = run_environment({"SECRET_KEY": KEY, "DEBUG": "maybe"})
    command = [sys.executable, "-c", "import statuspage.settings"]
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "DEBUG" in done.stderr.strip().splitlines()[-1]


def test_sensible_values_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    read = load_settings(monkeypatch, LANGUAGES="en,da,de", DEFAULT_LANGUAGE="en", TIME_ZONE="UTC", DEBUG="yes")
    assert [code for code, _name in read.LANGUAGES] == ["en", "da", "de"]
    assert (read.LANGUAGE_CODE, read.TIME_ZONE, read.DEBUG) == ("en", "UTC", True)


def test_production_settings_pass_the_deployment_checks() -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT,
        env=run_environment({"SECRET_KEY": KEY, "SITE_URL": "https://status.example.com"}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_address_of_a_socket_survives_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "unix:///run/valkey/socket?db=3"
    assert load_settings(monkeypatch, REDIS_URL=url).RQ_QUEUES["delivery"]["URL"] == url


def test_secret_is_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("kept elsewhere\n", encoding="utf-8")
    assert Environment({"SECRET_KEY_FILE": str(tmp_path / "secret")}).text("SECRET_KEY") == "kept elsewhere"


def test_credentials_are_percent_decoded() -> None:
    env = Environment({"DATABASE_URL": "postgresql://us%40er:p%2Fw@db.example.com:5433/status"})
    url = env.url("DATABASE_URL", "", {"postgresql"}, "")
    assert Environment.database(url) == {
        "NAME": "status",
        "USER": "us@er",
        "PASSWORD": "p/w",
        "HOST": "db.example.com",
        "PORT": "5433",
    }


def test_database_is_found_in_a_socket_folder() -> None:
    env = Environment({"DATABASE_URL": "postgresql://status@/status?host=/run/postgresql"})
    assert Environment.database(env.url("DATABASE_URL", "", {"postgresql"}, ""))["HOST"] == "/run/postgresql"


@pytest.mark.parametrize(("name", "value"), [("PORT", "http"), ("PORT", "70000"), ("SAMPLE_DATA", "some")])
def test_wrong_value_for_make_run_is_refused(name: str, value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=name):
        plan.read(Environment({name: value}))


def test_tests_know_every_variable() -> None:
    """A variable that tests do not know would leak from the developer's environment into them."""
    env = Environment({})
    plan.read(env)
    assert env.names | settings_env.names == {*environment.OWN, *environment.SERVERS}
