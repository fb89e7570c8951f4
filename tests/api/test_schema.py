"""The API answers whatever is sent to it as its description says: checked with generated requests.

A long run: `API_EXAMPLES=210 make test ARGS="tests/api/test_schema.py -n0 -s"` sends 10,000 requests in a quarter of an
hour, and prints how they were answered.
"""

import os
from collections import Counter
from collections.abc import Iterator
from typing import Any
from zlib import crc32

import pytest
import schemathesis
from django.contrib.auth import get_user_model
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from incidents import operations
from incidents.models import TokenScope
from incidents.status import Phase
from incidents.subscriptions import limits
from tests.actors import ANYBODY
from tests.factories import (
    make_component,
    make_group,
    make_incident,
    make_maintenance,
    make_page,
    make_statement,
    make_subscriber,
    make_template,
    make_token,
    make_update,
)
from tests.support.log_ins import NOON

pytestmark = pytest.mark.django_db

EXAMPLES = int(os.environ.get("API_EXAMPLES", "5"))
# What rules accept, for fields that take few values.
ACCEPTED = {
    "email": "ny@example.dk",
    "contact": "hjaelp@example.dk",
    "website": "https://example.dk",
    "time_zone": "Europe/London",
    "brand_colour": "#336699",
    "language": "en",
    "scheduled_for": "2030-03-01T12:00:00",
    "scheduled_until": "2030-03-01T13:00:00Z",
    "next_update_by": "2030-03-01T13:00:00+02:00",
    "backfill_date": "2026-01-05",
    "start_date": "2026-01-05",
}
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
    component, incident, over = make_component("web", group=make_group()), make_incident(), make_incident()
    make_update(over, Phase.RESOLVED)
    operations.post_update(incident=over, statement=make_statement(Phase.POSTMORTEM), by=ANYBODY, draft=True)
    make_maintenance(start=NOON.replace(year=2030), end=NOON.replace(year=2031))
    update = incident.updates.get()
    return {
        "page_id": make_page().pk,
        "component_id": component.pk,
        "group_id": str(component.group_id),
        "incident_id": incident.pk,
        "over_id": over.pk,
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
    failures, sent = [], Counter[str]()
    operations_found: Any = schema.get_all_operations()
    for found in operations_found:
        try:
            _send_examples(found.ok(), known, headers, sent)
        except BaseExceptionGroup as failed:
            failures.append(str(failed))
    for name, number in sorted(sent.items()):
        print(name, number)
    print(sent.total(), "requests")
    assert failures == []


def _send_examples(operation: Any, known: dict[str, str], headers: dict[str, str], sent: Counter[str]) -> None:
    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(case=operation.as_strategy())
    def send(case: Any) -> None:
        # Most requests are about what there is, and most say what is accepted: others are nearly all refused.
        # Which, follows from the request: what Hypothesis draws is mostly the first of several.
        tenth = crc32(repr([case.path_parameters, case.query, case.body]).encode(errors="replace")) % 10
        _name_in_path(case, known if tenth else {"page_id": known["page_id"]})
        if tenth > 2 and isinstance(case.body, dict):
            _put_in_body(case.body, known, is_new=operation.method == "post")
        with transaction.atomic():
            answer = case.call_and_validate(headers=headers, checks=CHECKS)
            # What is added stays, for the lists. What is known must be there for the next request.
            transaction.set_rollback(operation.method != "post" or "subscribers/" in operation.path)
        sent[f"{operation.method} {operation.path} {answer.status_code}"] += 1

    send()


def _name_in_path(case: Any, known: dict[str, str]) -> None:
    names = {**known, "incident_id": known["over_id"]} if "postmortem" in case.path and "over_id" in known else known
    for name in case.path_parameters or {}:
        case.path_parameters[name] = names.get(name, case.path_parameters[name])


def _put_in_body(body: dict[str, Any], known: dict[str, str], *, is_new: bool) -> None:
    # Put words, ids, languages and times that are accepted into the body, and into the object inside it.
    for inside in (body, *(value for value in body.values() if isinstance(value, dict))):
        for name in ("name", "body", "email") if is_new and inside is not body else ():
            inside.setdefault(name, "")
        for name, value in inside.items():
            match name, value:
                case (("name" | "title" | "body" | "body_draft" | "consent"), ("" | None)):
                    inside[name] = "Tekst"
                case "group_id", str():
                    inside[name] = known["group_id"]
                case (("component_ids" | "components"), [_, *_]):
                    inside[name] = [known["component_id"]]
                case "components", dict():
                    inside[name] = dict(zip([known["component_id"]], value.values(), strict=False))
                case "subscribers", [_, *_]:
                    inside[name] = [known["subscriber_id"]]
                case "translations", dict():
                    inside[name] = dict(zip(["en"], value.values(), strict=False))
                case _, str() if name in ACCEPTED:
                    inside[name] = ACCEPTED[name]
