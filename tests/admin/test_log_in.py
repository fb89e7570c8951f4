"""Guessing passwords is slow, from each network and for each name; the account's owner is not kept out elsewhere."""

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

from incidents.subscriptions import limits

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

REFUSED = "Too many attempts to log in from here."
WRONG = "Please enter the correct username and password for a staff account."


@pytest.fixture(autouse=True)
def _karen(db: None) -> None:
    get_user_model().objects.create_superuser("karen", password="right")


def log_in(name: str, password: str, address: str = "192.0.2.1") -> str:
    """What the answer says: REFUSED without a look at the password, WRONG, or nothing after logging in."""
    client = Client(REMOTE_ADDR=address, headers={"Accept-Language": "en"})
    answer: Any = client.post("/admin/login/?next=/admin/", {"username": name, "password": password})
    if answer.status_code == 302:
        return ""
    page = answer.content.decode()
    assert (REFUSED in page) != (WRONG in page)
    return REFUSED if REFUSED in page else WRONG


def test_sixth_wrong_password_has_to_wait_and_so_has_the_right_one(clock: time_machine.Traveller) -> None:
    assert [log_in("karen", "wrong") for _number in range(6)] == [WRONG] * 5 + [REFUSED]
    assert log_in("karen", "right") == REFUSED
    clock.shift(timedelta(minutes=1))
    assert log_in("karen", "right") == ""


def test_owner_logs_in_from_elsewhere_meanwhile() -> None:
    for _number in range(50):
        log_in("karen", "wrong")
    assert log_in("karen", "wrong", "192.0.2.99") == REFUSED  # the same network
    assert log_in("karen", "right", "198.51.100.7") == ""


def test_right_password_makes_up_for_earlier_mistakes() -> None:
    for _round in range(5):
        assert [log_in("karen", "wrong") for _number in range(4)] == [WRONG] * 4
        assert log_in("karen", "right") == ""


def test_unknown_name_gets_the_same_answers() -> None:
    assert [log_in("nobody", "wrong") for _number in range(6)] == [log_in("karen", "wrong") for _number in range(6)]


def test_guesses_are_at_most_twenty_an_hour_from_each_network(clock: time_machine.Traveller) -> None:
    networks = ["10.0.0.1", "10.0.1.1"]
    evaluated = dict.fromkeys(networks, 0)
    for minute in range(60):
        for network in networks:
            guesses = 20 if minute == 0 else 1
            evaluated[network] += [log_in("karen", "wrong", network) for _number in range(guesses)].count(WRONG)
        clock.shift(timedelta(minutes=1))
    assert all(10 <= number <= 20 for number in evaluated.values())
    assert log_in("karen", "right", "203.0.113.9") == ""


def test_pauses_grow() -> None:
    waits = [limit.interval for limit in limits.LOG_IN]
    assert waits == sorted(waits)
    assert waits[0] < waits[-1]


def test_network_that_tries_many_names_is_refused() -> None:
    answers = [log_in(f"name{number}", "wrong") for number in range(105)]
    assert answers.count(REFUSED) == 5
    assert log_in("karen", "right") == REFUSED
    assert log_in("karen", "right", "198.51.100.7") == ""


def test_password_managers_can_fill_the_form() -> None:
    page = Client().get("/admin/login/").content.decode()
    fields = {name: tag for tag in re.findall("<input[^>]+>", page) for name in re.findall('name="([^"]+)"', tag)}
    assert 'autocomplete="username"' in fields["username"]
    assert 'type="password"' in fields["password"]
    assert 'autocomplete="current-password"' in fields["password"]
    assert "paste" not in page


def test_web_server_knows_the_address_of_the_log_in() -> None:
    assert reverse("admin:login") == settings.LOGIN_URL


def test_answer_says_how_long_to_wait(clock: time_machine.Traveller) -> None:
    client = Client(headers={"Accept-Language": "da"})
    for _number in range(6):
        answer = client.post("/admin/login/", {"username": "karen", "password": "wrong"})
    assert "Prøv igen om 1 minut." in answer.content.decode()
