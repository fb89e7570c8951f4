"""Programs list and add templates of updates."""

from collections.abc import Callable
from typing import Any

import pytest

from incidents.api import answers
from incidents.models import AuditEntry, UpdateTemplate
from tests.factories import make_template
from tests.support.api_client import ApiClient

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("only_own")]
Api = Callable[..., ApiClient]


@pytest.fixture
def only_own(db: None) -> None:
    """Without the templates that are shipped."""
    UpdateTemplate.objects.all().delete()


def test_template_is_added_and_listed(api: Api) -> None:
    client = api("publish")
    given = {
        "name": "Vindue",
        "title": "Arbejde",
        "body": "Vi er i gang.",
        "update_status": "in_progress",
        "translations": {"en": {"name": "Window", "title": "Work", "body": "We have started."}},
    }
    answer = client.post("/incident_templates", {"template": given})
    assert answer.status_code == 201, answer.content
    row = UpdateTemplate.objects.get()
    assert (row.kind, row.phase, row.title["en"], row.text["en"]) == (
        "maintenance",
        "in_progress",
        "Work",
        "We have started.",
    )
    (found,) = client.get("/incident_templates").json()
    answers.IncidentTemplate.model_validate(found)
    assert (found["id"], found["name"], found["update_status"]) == (row.pk, "Vindue", "in_progress")
    assert AuditEntry.objects.filter(operation="add_template", actor_kind="token").count() == 1


@pytest.mark.parametrize(
    "given",
    [{"name": "x"}, {"name": "x", "body": "{nonsense}"}, {"name": "x", "body": "y", "update_status": "postmortem!"}],
)
def test_wrong_templates_are_refused(api: Api, given: Any) -> None:
    answer = api("publish").post("/incident_templates", {"template": given})
    assert (answer.status_code, bool(answer.json()["error"])) == (422, True)
    assert not UpdateTemplate.objects.exists()


def test_templates_of_the_newsroom_are_listed(api: Api) -> None:
    template = make_template()
    assert [one["id"] for one in api("read").get("/incident_templates").json()] == [template.pk]
