"""What an agent drafted is marked for the person who approves it, until it is published."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from django.utils.translation import override

from incidents import operations
from incidents.models import AuditEntry, Incident
from incidents.staff.actors import Actor, agent, with_token
from incidents.status import Impact, Phase
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import make_incident, make_page, make_statement, make_token

pytestmark = pytest.mark.django_db
MARK = {
    "en": "Drafted by an agent with the token “Night agent”",
    "da": "Kladde skrevet af en agent med tokenet »Night agent«",
}


@pytest.fixture
def robot(db: None) -> Actor:
    owner: Any = get_user_model().objects.create_superuser("mette")
    return agent(with_token(make_token(owner, "draft", "publish", name="Night agent"), "192.0.2.0/24"))


@pytest.fixture
def drafted(robot: Actor) -> Incident:
    make_page()
    return operations.open_incident(
        details={"title": Text(da="Mail er forsinket", en="Mail is delayed"), "impact": Impact.MINOR},
        statement=make_statement(),
        draft=True,
        by=robot,
    )


def pages_of(incident: Incident) -> dict[str, str]:
    update = incident.updates.get()
    steps = {"change": [incident.pk], "draft": [incident.pk, update.pk], "publish": [incident.pk, update.pk]}
    found = {step: reverse(f"admin:incidents_incident_{step}", args=args) for step, args in steps.items()}
    return {**found, "front": reverse("admin:index")}


def text(client: Client, address: str, language: str = "en") -> str:
    return " ".join(client.get(address, headers={"Accept-Language": language}).content.decode().split())


@pytest.mark.parametrize("language", MARK)
@pytest.mark.parametrize("page", ["change", "draft", "publish", "front"])
def test_draft_of_an_agent_is_marked_with_the_tokens_name(
    publisher: Client, drafted: Incident, page: str, language: str
) -> None:
    assert MARK[language] in text(publisher, pages_of(drafted)[page], language)


def test_draft_stays_marked_when_a_person_edits_it_and_loses_the_mark_when_published(
    publisher: Client, drafted: Incident
) -> None:
    update = drafted.updates.get()
    operations.edit_draft(update=update, statement=make_statement(Phase.MITIGATED), by=ANYBODY)
    pages = pages_of(drafted)
    assert all(MARK["en"] in text(publisher, address) for address in pages.values())
    operations.publish_draft(update=update, by=ANYBODY)
    assert MARK["en"] not in text(publisher, pages["front"]) + text(publisher, pages["change"])


def test_drafts_of_people_and_of_other_programs_are_not_marked(publisher: Client, robot: Actor) -> None:
    make_page()
    assert robot.token is not None
    program = with_token(robot.token, "")
    operations.post_update(incident=make_incident(draft=True), statement=make_statement(), draft=True, by=program)
    assert "Drafted by an agent" not in text(publisher, reverse("admin:index"))


def test_audit_log_says_that_an_agent_did_it(publisher: Client, drafted: Incident) -> None:
    entry = AuditEntry.objects.get(operation="open_incident")
    assert entry.actor_kind == "agent"
    with override("en"):
        assert entry.actor == "agent Night agent (mette)"
    address = reverse("admin:incidents_auditentry_changelist")
    assert "agent Night agent (mette)" in text(publisher, f"{address}?by=agent")
    assert "Night agent" not in text(publisher, f"{address}?by=token").partition("result_list")[2]
