"""`manage.py check --deploy` warns of what an operator would not notice."""

from operator import attrgetter

import pytest
from django.core import checks
from pytest_django import Settings

from incidents.checks import check_alert_webhook, check_holidays, check_queue


def warnings(settings: Settings, url: str) -> list[str]:
    settings.RQ_QUEUES = {"delivery": {"URL": url}}
    return [str(found.id) for found in check_queue()]


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost:6379/0",
        "redis://valkey.example.com",
        "rediss://valkey.example.com:6379/0",
        "redis://user@localhost:6379/0",
        "redis://user:@localhost:6379/0",
        "redis://localhost:6379/0?password=",
    ],
)
def test_queue_without_password_or_socket_is_warned_of(settings: Settings, url: str) -> None:
    assert warnings(settings, url) == ["incidents.W001"]


@pytest.mark.parametrize(
    "url",
    [
        "redis://:secret@localhost:6379/0",
        "rediss://user:p%40ss@valkey.example.com:6379/0",
        "redis://localhost:6379/0?password=secret",
        "unix:///run/valkey/socket?db=0",
    ],
)
def test_queue_with_password_or_socket_is_not_warned_of(settings: Settings, url: str) -> None:
    assert warnings(settings, url) == []


def test_warning_says_what_to_do_and_is_for_deployments_only(settings: Settings) -> None:
    settings.RQ_QUEUES = {"delivery": {"URL": "redis://localhost:6379/0"}}
    (found,) = check_queue()
    assert "redis://:password@" in str(found.hint)
    registry, name_of = checks.registry.registry, attrgetter("__name__")
    assert check_queue.__name__ in map(name_of, registry.get_checks(include_deployment_checks=True))
    assert check_queue.__name__ not in map(name_of, registry.get_checks())


@pytest.mark.parametrize(("place", "ids"), [("", []), ("DK", []), ("DE-BY", []), ("XX", ["incidents.E003"])])
def test_place_without_known_holidays_is_an_error(settings: Settings, place: str, ids: list[str]) -> None:
    settings.PUBLIC_HOLIDAYS = place
    assert [found.id for found in check_holidays()] == ids


@pytest.mark.parametrize(
    ("address", "ids"),
    [
        ("", []),
        ("https://hooks.example.com/services/T0/B0/secret", []),
        ("http://hooks.example.com/", ["incidents.E004"]),
        ("https://10.0.0.1/hook", ["incidents.E004"]),
        ("https://hooks.example.com:8000/", ["incidents.E004"]),
    ],
)
def test_chat_that_is_never_called_is_refused(settings: Settings, address: str, ids: list[str]) -> None:
    settings.ALERT_WEBHOOK_URL = address
    found = check_alert_webhook()
    assert [one.id for one in found] == ids
    assert not any("secret" in str(one.msg) for one in found)
