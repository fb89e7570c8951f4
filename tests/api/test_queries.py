"""Writes and lists make as many queries with many incidents as with few."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from incidents.status import ComponentStatus, Phase
from tests.factories import make_component, make_group, make_incident, make_update
from tests.support.api_client import ApiClient

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
Api = Callable[..., ApiClient]
FEW, MANY = 2, 10
# Queries of each write, of which an Idempotency-Key costs five.
LIMITS = {"open": 42, "update": 48, "resolve": 48, "component": 29}


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


class Programs:
    """Sends requests about one component and its incidents."""

    def __init__(self, client: ApiClient, clock: time_machine.Traveller) -> None:
        self.client, self._clock, self._keys = client, clock, count()
        self.mail = make_component("mail", group=make_group())

    def open(self, status: str = "investigating") -> Any:
        given = {"name": "Fejl", "body": "Vi leder.", "status": status, "components": {self.mail.pk: "partial_outage"}}
        return self._write("POST", "/incidents", {"incident": given})

    def update(self, incident: str, status: str) -> Any:
        given = {"status": status, "body": "Nyt.", "components": {self.mail.pk: "major_outage"}}
        return self._write("PATCH", f"/incidents/{incident}", {"incident": given})

    def set_status(self, status: str) -> Any:
        return self._write("PATCH", f"/components/{self.mail.pk}", {"component": {"status": status}})

    def all_writes(self) -> None:
        incident = self.open()["id"]
        for status in ("identified", "monitoring", "resolved"):
            self.update(incident, status)
        for status in ("degraded_performance", "operational"):
            self.set_status(status)

    def make_history(self, number: int) -> None:
        """Incidents of the same component that are over."""
        for _each in range(number):
            incident = make_incident(components={self.mail: ComponentStatus.PARTIAL_OUTAGE})
            self._clock.shift(timedelta(minutes=1))
            make_update(incident, Phase.RESOLVED, components={self.mail.pk: ComponentStatus.OPERATIONAL})
            self._clock.shift(timedelta(minutes=1))

    def _write(self, method: str, address: str, body: Any) -> Any:
        self._clock.shift(timedelta(minutes=1))
        answer = self.client.send(method, address, body, **{"Idempotency-Key": str(next(self._keys))})
        assert answer.status_code in {200, 201}, answer.content
        return answer.json()


@pytest.fixture
def programs(api: Api, clock: time_machine.Traveller) -> Programs:
    return Programs(api("publish", "read", "admin"), clock)


def queries(do: Callable[[], object]) -> int:
    with CaptureQueriesContext(connection) as seen:
        do()
    return len(seen)


def test_writes_make_the_same_queries_after_a_longer_history(programs: Programs) -> None:
    programs.make_history(FEW)
    programs.all_writes()
    few = queries(programs.all_writes)
    programs.make_history(MANY)
    assert queries(programs.all_writes) == few


def test_opening_makes_the_same_queries_while_more_incidents_are_open(programs: Programs) -> None:
    programs.open()
    few = queries(programs.open)
    for _each in range(MANY):
        programs.open()
    assert queries(programs.open) == few


@pytest.mark.parametrize(
    "address", ["/incidents?limit=100", "/incidents?q=forsinket", "/incidents/unresolved", "/components"]
)
def test_lists_make_the_same_queries_with_more_incidents(programs: Programs, address: str) -> None:
    def read() -> None:
        assert programs.client.get(address).status_code == 200

    programs.make_history(FEW)
    programs.open()
    read()
    few = queries(read)
    programs.make_history(MANY)
    programs.open()
    assert queries(read) == few


def test_writes_make_few_queries(programs: Programs) -> None:
    programs.all_writes()
    incident = programs.open()["id"]
    made = {
        "open": queries(programs.open),
        "update": queries(lambda: programs.update(incident, "identified")),
        "resolve": queries(lambda: programs.update(incident, "resolved")),
        "component": queries(lambda: programs.set_status("degraded_performance")),
    }
    assert all(number <= LIMITS[write] for write, number in made.items()), made
