"""Answers are what the OpenAPI document says of them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from pydantic import TypeAdapter

from incidents.api import answers
from incidents.api.application import api as described
from tests.factories import make_component, make_group, make_incident, make_maintenance
from tests.support.api_client import ApiClient

pytestmark = pytest.mark.django_db
Api = Callable[..., ApiClient]
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def check(model: Any, answer: Any) -> None:
    """The answer has exactly the keys of the model, with their types."""
    TypeAdapter(model).validate_json(answer.content)


@time_machine.travel(NOW, tick=False)
def test_answers_about_incidents_are_as_described(api: Api) -> None:
    client, mail = api("publish"), make_component("mail", group=make_group())
    incident = make_incident()
    client.patch(f"/incidents/{incident.pk}", {"incident": {"body": "Nyt.", "components": {mail.pk: "major_outage"}}})
    make_maintenance(start=NOW + timedelta(days=1), end=NOW + timedelta(days=2))
    check(list[answers.ApiIncident], client.get("/incidents"))
    check(answers.ApiIncident, client.get(f"/incidents/{incident.pk}"))
    check(answers.ApiProblem, client.get("/incidents/nothing"))
    check(answers.ApiProblem, client.post("/incidents", {"incident": {}}))


def test_answers_about_components_and_the_page_are_as_described(api: Api) -> None:
    client, group = api("admin"), make_group()
    make_component("mail", group=group)
    check(list[answers.ApiComponent], client.get("/components"))
    check(list[answers.ApiComponentGroup], client.get("/component-groups"))
    check(answers.ApiPage, client.get(""))


def test_every_answer_is_described() -> None:
    paths = described.get_openapi_schema()["paths"]
    operations = [operation for path in paths.values() for operation in path.values()]
    for operation in operations:
        successes = {int(code): found for code, found in operation["responses"].items() if int(code) < 400}
        assert successes, operation["summary"]
        assert all(found.get("content") or code == 204 for code, found in successes.items()), operation["summary"]
