"""The API answers whatever is sent to it as its description says: checked with generated requests.

A long run: `API_EXAMPLES=250 make test ARGS="tests/api/test_schema.py"` sends 250 to each operation.
"""

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.contrib.auth import get_user_model
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from incidents.models import TokenScope
from incidents.subscriptions import limits
from tests.factories import (
    make_component,
    make_group,
    make_incident,
    make_maintenance,
    make_page,
    make_subscriber,
    make_template,
    make_token,
)
from tests.support.log_ins import NOON

pytestmark = pytest.mark.django_db

EXAMPLES = int(os.environ.get("API_EXAMPLES", "5"))
CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture(autouse=True)
def _one_connection() -> Iterator[None]:
    """Keep the connection of the test, as Django's own client does."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.fixture
def known(db: None) -> dict[str, str]:
    """The id of one row of each kind, by the name that it has in addresses."""
    component, incident = make_component("web", group=make_group()), make_incident()
    make_maintenance(start=NOON.replace(year=2030), end=NOON.replace(year=2031))
    update = incident.updates.get()
    return {
        "page_id": make_page().pk,
        "component_id": component.pk,
        "group_id": str(component.group_id),
        "incident_id": incident.pk,
        "update_id": update.pk,
        "incident_update_id": update.pk,
        "subscriber_id": make_subscriber().pk,
        "template_id": make_template().pk,
    }


def test_every_answer_is_one_that_the_description_names(known: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_take_all", lambda _wanted: None)
    owner: Any = get_user_model().objects.create_superuser("maskine")
    headers = {"Authorization": f"Bearer {make_token(owner, *TokenScope.values).secret}"}
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", get_wsgi_application())
    failures = []
    operations: Any = schema.get_all_operations()
    for found in operations:
        try:
            _send_examples(found.ok(), known, headers)
        except BaseExceptionGroup as failed:
            failures.append(str(failed))
    assert failures == []


def _send_examples(operation: Any, known: dict[str, str], headers: dict[str, str]) -> None:
    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(case=operation.as_strategy(), uses_known=st.integers(0, 9))
    def send(case: Any, uses_known: int) -> None:
        for name in case.path_parameters or {}:
            # Most requests are about what there is; otherwise all answers would be 404.
            if name == "page_id" or uses_known:
                case.path_parameters[name] = known.get(name, case.path_parameters[name])
        case.call_and_validate(headers=headers, checks=CHECKS)

    send()
