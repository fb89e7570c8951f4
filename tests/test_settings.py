"""The settings are read from the environment; an error for an invalid value says what to write."""

import os
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
from django.core.exceptions import ImproperlyConfigured

from harness import environment
from harness.product import run_environment
from incidents.staff.roles import Role
from statuspage.env import Environment
from statuspage.local import options
from statuspage.local.paths import ROOT
from statuspage.settings import env as settings_env
from statuspage.single_sign_on import ROLES

KEY = "unit-test-key-that-is-long-enough-and-random-enough-2f8c1d7e9b"


def load_settings(monkeypatch: pytest.MonkeyPatch, **variables: str) -> ModuleType:
    """Import the settings again, with only these variables in the environment."""
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
        ("SECRET_KEY", "x1y2z3" * 5, "at least 32 characters"),
        ("SECRET_KEY", "abcd" * 20, "at least 5 of them different"),
        ("SITE_URL", "status.example.com", "https://status.example.com"),
        ("SITE_URL", "https://example.com/status", "scheme and host only"),
        ("SITE_URL", "https://user:pw@example.com", "scheme and host only"),
        ("SITE_URL", "https://user@example.com", "scheme and host only"),
        ("SITE_URL", "https://status example.com", "scheme and host only"),
        ("SITE_URL", "https://blåbær.example", "xn--"),
        ("FEED_ID_HOST", "https://status.example.com", "host name"),
        ("ALLOWED_HOSTS", "https://status.example.com", "host names"),
        ("ALLOWED_HOSTS", "status.example.com:8000", "host names"),
        ("METRICS_TOKEN", "short", "at least 16"),
        ("DATABASE_URL", "mysql://localhost/x", "postgresql://"),
        ("DATABASE_URL", "postgresql://localhost:many/x", "postgresql://"),
        ("DATABASE_URL", "postgresql://localhost", "/statuspage"),
        ("DEFAULT_FROM_EMAIL", "Status page", "status@example.com"),
        ("DEFAULT_FROM_EMAIL", "@example.com", "status@example.com"),
        ("DEFAULT_FROM_EMAIL", "status@example@com", "status@example.com"),
        ("DEFAULT_FROM_EMAIL", "status@blåbær..dk", "status@example.com"),
        ("BOUNCE_ADDRESS", "Bounces <bounces@example.com>", "bounces@example.com"),
        ("BOUNCE_ADDRESS", "bounces" * 4 + "@example.com", "at most 24"),
        ("REDIS_URL", "localhost", "redis://"),
        ("REDIS_URL", "redis://localhost:6379/first", "redis://localhost:6379/0"),
        ("REDIS_URL", "unix:///run/valkey/socket?db=first", "redis://localhost:6379/0"),
        ("MAIL_PROVIDER", "pigeon", "brevo, mailgun"),
        ("MAIL_PROVIDER", "postmark", "name:password"),
        ("EMAIL_URL", "mail.example.com", "smtp+tls://"),
        ("EMAIL_URL", "smtp:///mail.example.com", "smtp+tls://"),
        ("PUBLIC_MIRROR", "django.no_such.Storage", "FileSystemStorage"),
        ("PUBLIC_ROOT", str(ROOT / "manage.py"), "folder"),
        ("PUBLIC_ROOT", str(ROOT / "manage.py" / "public"), "folder"),
        ("PUBLIC_ROOT", "/", "folder of its own"),
        ("PUBLIC_ROOT", str(ROOT / "var"), "folder of its own"),
        ("VAR_DIR", str(ROOT / "manage.py"), "folder"),
        ("LANGUAGES", "da,klingon", "comma-separated"),
        ("LANGUAGES", ",", "comma-separated"),
        ("LANGUAGES", "da,da", "each code once"),
        ("DEFAULT_LANGUAGE", "de", "da, en"),
        ("TIME_ZONE", "Copenhagen", "Europe/Copenhagen"),
        ("DEBUG", "maybe", "1 or 0"),
        ("ANNOUNCEMENT_HOLD", "soon", "whole number"),
        ("OIDC_ISSUER", "id.example.com", "https://id.example.com"),
        ("OIDC_ISSUER", "http://id.example.com", "https address"),
        ("OIDC_ISSUER", "https://me:secret@id.example.com", "without query and credentials"),
        ("SSO_ROLES", "ops", "publisher"),
        ("SSO_ROLES", "ops=boss", "reader, writer, publisher, administrator"),
        ("SSO_ROLES", "ops=group:role:administrator", "group of accounts"),
        ("REMOTE_USER_HEADER", "X-Remote-User", "TRUSTED_PROXIES"),
        ("REMOTE_USER_HEADER", "X Remote", "name of a header"),
        ("REMOTE_GROUPS_HEADER", "X-Remote-Groups", "REMOTE_USER_HEADER"),
        ("LOCAL_LOG_IN", "off", "nobody could log in"),
        ("LOG_LEVEL", "LOUD", "WARNING"),
        ("WEBHOOK_NETWORKS", "10.0.0.1/8", "10.20.0.0/16"),
        ("TRUSTED_PROXIES", "1", "the number of proxies is no longer used; write the proxies' addresses"),
        ("TRUSTED_PROXIES", "proxy.example.com", "such as 127.0.0.1,10.20.0.0/16"),
        ("TRUSTED_PROXIES", "10.0.0.1/8", "such as 127.0.0.1,10.20.0.0/16"),
        ("TRUSTED_PROXIES", "127.0.0.1,::/0", "trust every client"),
        ("TRUST_PROXY_HEADERS", "1", "in TRUSTED_PROXIES instead"),
        ("DOCUMENTATION_URL", "docs.example.com", "https://docs.example.com/"),
        ("DOCUMENTATION_URL", "javascript:alert(1)", "https://docs.example.com/"),
        ("DOCUMENTATION_URL", "https:///docs", "https://docs.example.com/"),
        ("SECURITY_CONTACT", "security@example.com", "mailto:security@example.com"),
        ("SECURITY_CONTACT", "http://example.com/security", "https://example.com/security"),
        ("SECURITY_CONTACT", "mailto:a@example.com\nPolicy: https://other.example", "mailto:security@example.com"),
        ("SECURITY_CONTACT", "mailto:sikkerhed@blåbær.example", "encode other characters"),
        ("SECRET_KEY_FILE", "/no/such/file", "readable file"),
    ],
)
def test_invalid_value_stops_the_start_with_a_hint(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, hint: str
) -> None:
    with pytest.raises(ImproperlyConfigured, match=name.removesuffix("_FILE")) as refused:
        load_settings(monkeypatch, **{name: value})
    assert hint in str(refused.value)


@pytest.mark.parametrize(
    ("command", "variables"),
    [
        (["-m", "statuspage.local"], {"SECRET_KEY": "short"}),
        (["-m", "statuspage.local"], {"PUBLIC_ROOT": str(ROOT / "manage.py")}),
        (["manage.py", "help"], {"SECRET_KEY": ""}),
        (["manage.py", "changepassword", "admin"], {"SECRET_KEY": ""}),
        (["manage.py", "check"], {"LANGUAGES": "da,da"}),
        (["manage.py", "scheduler"], {"TRUSTED_PROXIES": "2"}),
        (["-c", "import statuspage.wsgi"], {"TRUST_PROXY_HEADERS": "1"}),
        (["manage.py", "rqworker", "delivery"], {"SITE_URL": "https://user:pw@example.com"}),
        (["-c", "import statuspage.wsgi"], {"SECRET_KEY": "short"}),
    ],
)
def test_refusal_is_one_line_at_every_entry(tmp_path: Path, command: list[str], variables: dict[str, str]) -> None:
    environment = run_environment({"SECRET_KEY": KEY, "VAR_DIR": str(tmp_path), **variables})
    environment = {name: value for name, value in environment.items() if value}
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert said.count("\n") == 1, said
    assert said.startswith(next(iter(variables)))


@pytest.mark.parametrize("name", ["SECRET_KEY", "METRICS_TOKEN", "ALERT_WEBHOOK_URL"])
def test_refused_secret_is_not_repeated(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=name) as refused:
        load_settings(monkeypatch, **{name: "hunter2"})
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SITE_URL", "https://user:hunter2@example.com"),
        ("DATABASE_URL", "postgresql://user:hunter2@localhost:many/x"),
        ("EMAIL_URL", "smpt://user:hunter2@mail.example.com"),
    ],
)
def test_refused_address_is_shown_without_its_password(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=name) as refused:
        load_settings(monkeypatch, **{name: value})
    assert "hunter2" not in str(refused.value)


def test_file_that_is_not_text_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"\xff\xfe" * 40)
    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY_FILE"):
        load_settings(monkeypatch, SECRET_KEY_FILE=str(tmp_path / "key"))


def test_empty_file_counts_as_not_set(tmp_path: Path) -> None:
    (tmp_path / "zone").touch()
    assert Environment({"TIME_ZONE_FILE": str(tmp_path / "zone")}).zone("TIME_ZONE", "UTC") == "UTC"


def test_relative_folder_is_below_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings(monkeypatch, PUBLIC_ROOT="www/public").PUBLIC_ROOT == ROOT / "www" / "public"


def test_host_of_the_page_is_compared_in_lower_case(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings(monkeypatch, SITE_URL="https://Status.Example.com").CSRF_TRUSTED_ORIGINS == [
        "https://status.example.com"
    ]


@pytest.mark.parametrize(("site", "required"), [("https", "publisher"), ("http", "none")])
def test_second_factor_is_required_of_publishers_on_https(
    monkeypatch: pytest.MonkeyPatch, site: str, required: str
) -> None:
    read = load_settings(monkeypatch, SITE_URL=f"{site}://status.example.com", REQUIRE_SECOND_FACTOR="")
    assert required == read.REQUIRE_SECOND_FACTOR


def test_valid_values_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    read = load_settings(monkeypatch, LANGUAGES="en,da,de", DEFAULT_LANGUAGE="en", TIME_ZONE="UTC", DEBUG="yes")
    assert [code for code, _name in read.LANGUAGES] == ["en", "da", "de"]
    assert (read.LANGUAGE_CODE, read.TIME_ZONE, read.DEBUG) == ("en", "UTC", True)


@pytest.mark.parametrize(
    ("sender", "used"),
    [
        ("status@blåbær.dk", "status@xn--blbr-roah.dk"),
        ('"Blå @blåbær.dk" <status@blåbær.dk>', '"Blå @blåbær.dk" <status@xn--blbr-roah.dk>'),
        ("Status <Status@Example.com>", "Status <Status@Example.com>"),
    ],
)
def test_domain_of_the_sender_is_in_its_encoded_form(monkeypatch: pytest.MonkeyPatch, sender: str, used: str) -> None:
    assert used == load_settings(monkeypatch, DEFAULT_FROM_EMAIL=sender).DEFAULT_FROM_EMAIL


def test_proxies_are_addresses_networks_and_unix(monkeypatch: pytest.MonkeyPatch) -> None:
    read = load_settings(monkeypatch, TRUSTED_PROXIES="127.0.0.1, 10.20.0.0/16,2001:db8::/48,::ffff:192.0.2.1,unix")
    assert list(map(str, read.TRUSTED_PROXIES)) == ["127.0.0.1/32", "10.20.0.0/16", "2001:db8::/48", "192.0.2.1/32"]
    assert read.TRUST_UNIX_SOCKET
    assert read.SECURE_PROXY_SSL_HEADER == ("HTTP_X_FORWARDED_PROTO", "https")


def test_no_proxy_is_trusted_unless_named(monkeypatch: pytest.MonkeyPatch) -> None:
    read = load_settings(monkeypatch)
    assert (read.TRUSTED_PROXIES, read.TRUST_UNIX_SOCKET, read.SECURE_PROXY_SSL_HEADER) == ([], False, None)
    assert load_settings(monkeypatch, TRUSTED_PROXIES="unix").SECURE_PROXY_SSL_HEADER


def test_production_settings_pass_the_deployment_checks() -> None:
    settings = {
        "SECRET_KEY": KEY,
        "SITE_URL": "https://status.example.com",
        "REDIS_URL": "redis://:secret@valkey:6379/0",
        "DATABASE_URL": os.environ["DATABASE_URL"],  # the checks compare its migrations
    }
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT,
        env=run_environment(settings),
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
        options.read_options(Environment({name: value}))


def test_tests_know_every_variable() -> None:
    """An unknown variable would leak from the developer's environment into the tests."""
    env = Environment({})
    options.read_options(env)
    assert env.names | settings_env.names == {*environment.OWN, *environment.SERVERS}


def test_single_sign_on_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = {"OIDC_ISSUER": "https://id.example.com/staff", "OIDC_CLIENT_ID": "page", "OIDC_CLIENT_SECRET": "s"}
    read = load_settings(
        monkeypatch, **provider, SSO_ROLES="/ops = publisher, nights=group:Night shift", LOCAL_LOG_IN="off"
    )
    assert read.OIDC.issuer == "https://id.example.com/staff"
    assert read.SSO_ROLES == [("/ops", "role:publisher"), ("nights", "Night shift")]
    assert not read.LOCAL_LOG_IN


def test_provider_needs_a_client_and_its_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImproperlyConfigured, match="OIDC_CLIENT_ID"):
        load_settings(monkeypatch, OIDC_ISSUER="https://id.example.com")
    with pytest.raises(ImproperlyConfigured, match="OIDC_CLIENT_SECRET"):
        load_settings(monkeypatch, OIDC_ISSUER="https://id.example.com", OIDC_CLIENT_ID="page")


def test_header_of_a_proxy_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    read = load_settings(monkeypatch, REMOTE_USER_HEADER="X-Remote-User", TRUSTED_PROXIES="unix", LOCAL_LOG_IN="0")
    assert read.REMOTE_USER_HEADER == "HTTP_X_REMOTE_USER"


def test_roles_of_single_sign_on_are_those_of_the_product() -> None:
    assert list(ROLES) == [role.value for role in Role]
