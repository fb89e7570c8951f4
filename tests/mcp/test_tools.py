"""The tools of agents: who is offered which, what they do, and what they refuse."""

from collections.abc import Callable
from typing import Any

import pytest

from incidents.mcp import tools
from incidents.models import Announcement, AuditEntry, Incident, TokenScope, Update
from incidents.publishing import stale
from incidents.status import ComponentStatus, Phase
from tests.factories import make_component, make_incident, make_statement, make_update
from tests.support.agent import Agent

pytestmark = pytest.mark.django_db
Agents = Callable[..., Agent]

READING = ["get_page", "list_incidents", "get_incident", "list_drafts"]
DRAFTING = [*READING, "draft_incident", "draft_maintenance", "draft_update"]
OFFERED = {
    TokenScope.READ: READING,
    TokenScope.DRAFT: DRAFTING,
    TokenScope.PUBLISH: [*DRAFTING, "publish_draft", "post_update"],
    TokenScope.COMPONENTS: ["get_page"],
    TokenScope.ALERTS: [],
    TokenScope.SUBSCRIBERS: [],
    TokenScope.ADMIN: ["get_page"],
}
TEXTS = {
    "name": "Mail er forsinket",
    "body": "Vi undersøger det.",
    "translations": {"en": {"name": "Mail is delayed", "body": "We are looking into it."}},
}
UPDATE = {"body": "Løst.", "translations": {"en": {"body": "Solved."}}}
MAINTENANCE = {"scheduled_for": "2199-01-05T22:00+01:00", "scheduled_until": "2199-01-05T23:00+01:00"}


@pytest.fixture(autouse=True)
def _no_publishing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stale, "publish_for_readers", lambda: None)


def arguments_of(tool: str, incident: Incident) -> dict[str, Any]:
    draft = Update.objects.filter(published_at=None).first()
    given: dict[str, dict[str, Any]] = {
        "get_incident": {"incident_id": incident.pk},
        "draft_incident": TEXTS,
        "draft_maintenance": {**TEXTS, **MAINTENANCE},
        "draft_update": {"incident_id": incident.pk, **UPDATE},
        "post_update": {"incident_id": incident.pk, **UPDATE},
        "publish_draft": {"update_id": draft.pk if draft else ""},
    }
    return given.get(tool, {})


@pytest.mark.parametrize("scope", TokenScope)
def test_agent_is_offered_the_tools_of_its_scope_and_refused_the_others(agent: Agents, scope: TokenScope) -> None:
    make_incident(draft=True)
    incident, client = make_incident(), agent(scope)
    assert client.tools() == OFFERED[scope]
    for tool in tools.TOOLS:
        given = arguments_of(tool.name, incident)
        if tool.name in OFFERED[scope]:
            client.call(tool.name, **given)
        else:
            assert client.refusal(tool.name, **given) == "The scopes of the token do not allow this."


def test_every_tool_says_whether_it_changes_anything(agent: Agents) -> None:
    found = agent("publish").ask("tools/list")["result"]["tools"]
    hints = {tool["name"]: tool["annotations"] for tool in found}
    assert [name for name, hint in hints.items() if hint["readOnlyHint"]] == READING
    assert [name for name, hint in hints.items() if hint["destructiveHint"]] == ["publish_draft", "post_update"]
    assert all(len(tool["description"]) > 50 for tool in found)


def test_drafted_incident_has_all_languages_and_waits_for_a_person(agent: Agents) -> None:
    mail = make_component("mail")
    client = agent("draft")
    draft = client.call("draft_incident", **TEXTS, components={mail.pk: "major_outage"})["draft"]
    update = Update.objects.get(pk=draft["update_id"])
    assert not update.is_public
    assert not update.incident.is_public
    assert update.agent == draft["drafted_by_agent"] == "Night agent"
    assert dict(update.incident.title) == draft["name"] == {"da": "Mail er forsinket", "en": "Mail is delayed"}
    assert draft["components"] == {mail.pk: "major_outage"}
    assert draft["address"].endswith(f"/admin/incidents/incident/{update.incident_id}/updates/{update.pk}/")
    assert not Announcement.objects.exists()
    assert client.call("list_drafts")["drafts"] == [draft]
    assert client.call("get_incident", incident_id=update.incident_id)["drafts"] == [draft]
    entry = AuditEntry.objects.get(operation="open_incident")
    assert (entry.actor_kind, entry.actor_name) == ("agent", "Night agent (mette)")


def test_drafted_maintenance_has_its_planned_time_and_components(agent: Agents) -> None:
    mail = make_component("mail")
    draft = agent("draft").call("draft_maintenance", **TEXTS, **MAINTENANCE, component_ids=[mail.pk])["draft"]
    incident = Incident.objects.get(pk=draft["incident_id"])
    assert incident.scheduled_for is not None
    assert incident.scheduled_for.isoformat() == "2199-01-05T21:00:00+00:00"
    assert (draft["kind"], draft["status"]) == ("maintenance", "scheduled")
    assert draft["components"] == {mail.pk: "under_maintenance"}


def test_drafted_update_leaves_the_incident_as_it_is(agent: Agents) -> None:
    mail = make_component("mail")
    incident = make_incident(components={mail: ComponentStatus.MAJOR_OUTAGE})
    draft = agent("draft").call("draft_update", incident_id=incident.pk, status="resolved", **UPDATE)["draft"]
    assert draft["body"] == {"da": "Løst.", "en": "Solved."}
    incident.refresh_from_db()
    mail.refresh_from_db()
    assert (incident.phase, mail.status) == (Phase.IDENTIFIED, "major_outage")


@pytest.mark.parametrize("scope", ["draft", "publish"])
def test_draft_never_reopens_what_is_over(agent: Agents, scope: str) -> None:
    incident = make_incident()
    make_update(incident, Phase.RESOLVED)
    said = agent(scope).refusal("draft_update", incident_id=incident.pk, status="identified", **UPDATE)
    assert "The incident is over." in said
    incident.refresh_from_db()
    assert (incident.is_over, incident.updates.count()) == (True, 2)


def test_token_that_may_publish_publishes_a_draft_once(agent: Agents) -> None:
    client = agent("publish")
    draft = client.call("draft_incident", **TEXTS)["draft"]
    assert client.call("publish_draft", update_id=draft["update_id"])["incident"]["draft"] is False
    assert Announcement.objects.count() == 1
    assert (
        client.refusal("publish_draft", update_id=draft["update_id"]) == "There is no incident or draft with this id."
    )
    assert AuditEntry.objects.filter(operation="publish_draft", actor_kind="agent").count() == 1


def test_token_that_may_publish_posts_an_update_without_notifying(agent: Agents) -> None:
    incident = make_incident()
    client = agent("publish")
    given = {"incident_id": incident.pk, "status": "resolved", "deliver_notifications": False, **UPDATE}
    assert client.call("post_update", **given)["incident"]["status"] == "resolved"
    assert not Announcement.objects.exists()


def test_update_of_a_draft_is_not_published_past_its_draft(agent: Agents) -> None:
    incident = make_incident(draft=True)
    said = agent("publish").refusal("post_update", incident_id=incident.pk, **UPDATE)
    assert said == "This incident is a draft: publish its draft first."
    incident.refresh_from_db()
    assert not incident.is_public


def test_incidents_are_listed_by_kind_state_and_words(agent: Agents) -> None:
    client = agent("read")
    over, ongoing = make_incident(), make_incident()
    make_update(over, Phase.RESOLVED)
    make_incident(draft=True)

    def ids(**given: Any) -> set[str]:
        return {one["id"] for one in client.call("list_incidents", **given)["incidents"]}

    assert ids() == ids(q="Mail") == {ongoing.pk}
    assert ids(state="all", kind="incident") == {over.pk, ongoing.pk}
    assert ids(kind="maintenance") == ids(page=2) == ids(q="router") == set()


def test_page_names_its_languages_and_components(agent: Agents) -> None:
    mail = make_component("mail")
    found = agent("read").call("get_page")
    assert found["languages"] == {"da": "Dansk", "en": "English"}
    assert (found["default_language"], found["status"]["indicator"]) == ("da", "none")
    assert found["status"]["description"] == "Alle systemer er i drift"
    assert [one["id"] for one in found["components"]] == [mail.pk]


@pytest.mark.parametrize(
    ("tool", "given", "said"),
    [
        ("get_incident", {"incident_id": "nothing"}, "There is no incident or draft with this id."),
        ("publish_draft", {"update_id": "nothing"}, "There is no incident or draft with this id."),
        ("draft_incident", {"body": "?"}, "name: Field required"),
        ("draft_incident", {**TEXTS, "notify": True}, "notify: Extra inputs are not permitted"),
        ("draft_incident", {**TEXTS, "body": "a\0b"}, "The text contains a character that cannot be stored."),
        ("draft_incident", {**TEXTS, "components": {"x": "operational"}}, "There is no component with the id “x”."),
        ("draft_incident", {**TEXTS, "translations": {"fr": {"name": "E"}}}, "The page has no language “fr”."),
        ("draft_maintenance", {**TEXTS, **MAINTENANCE, "scheduled_for": "2199-01-05T22:00"}, "timezone info"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(agent: Agents, tool: str, given: dict[str, Any], said: str) -> None:
    client = agent("publish")
    assert said in client.refusal(tool, **given)
    assert not Incident.objects.exists()


def test_fault_of_ours_is_logged_and_not_shown(
    agent: Agents, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("incidents.mcp.answers.page", lambda: 1 // 0)
    assert agent("read").refusal("get_page") == "The status page failed to do this. Nothing was changed."
    assert "ZeroDivisionError" in caplog.text


def test_unknown_tool_is_an_error_of_the_protocol(agent: Agents) -> None:
    answer = agent("publish").ask("tools/call", name="delete_everything", arguments={})
    assert answer["error"]["code"] == -32602


def test_scheduled_update_is_listed_with_its_time(agent: Agents) -> None:
    incident = make_incident(draft=True, statement=make_statement())
    found = agent("read").call("list_drafts")["drafts"]
    assert [(one["incident_id"], one["publish_at"], one["drafted_by_agent"]) for one in found] == [
        (incident.pk, None, None)
    ]
