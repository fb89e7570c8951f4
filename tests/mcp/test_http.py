"""Agents that connect by HTTP: the client of the SDK, and requests that are wrong."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from mcp import Client as SdkClient
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from incidents import operations
from incidents.models import ApiToken, Update
from incidents.publishing import stale
from incidents.subscriptions import limits
from tests.actors import ANYBODY
from tests.factories import make_page, make_token
from tests.mcp.test_tools import TEXTS
from tests.support.agent import Agent, connected_by_http

pytestmark = pytest.mark.django_db
Agents = Callable[..., Agent]
PING = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"})


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_client_of_the_sdk_reads_and_drafts(
    live_server: LiveServer, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setattr(stale, "publish_for_readers", lambda: None)
    make_page()
    token = make_token(get_user_model().objects.create_superuser("mette"), "draft", name="Night agent")

    async def use(client: SdkClient) -> tuple[list[str], Any]:
        listed = await client.list_tools()
        drafted = await client.call_tool("draft_incident", TEXTS)
        return [tool.name for tool in listed.tools], drafted

    names, drafted = connected_by_http(f"{live_server}/api/mcp", token.secret, mode, use)
    assert "draft_incident" in names
    assert "publish_draft" not in names
    assert Update.objects.get(pk=drafted.structured_content["draft"]["update_id"]).agent == "Night agent"


@pytest.mark.parametrize("version", ["2025-06-18", "2025-11-25"])
def test_server_introduces_itself(agent: Agents, version: str) -> None:
    client = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    result = agent("read").ask("initialize", **client)["result"]
    assert result["protocolVersion"] == version
    assert result["serverInfo"]["name"] == "statuspage"
    assert list(result["capabilities"]) == ["tools"]


def test_notifications_are_accepted_without_an_answer(agent: Agents) -> None:
    answer = agent("read").post(json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}))
    assert (answer.status_code, answer.content) == (202, b"")


@pytest.mark.parametrize("method", ["get", "delete", "put"])
def test_only_post_is_allowed(agent: Agents, method: str) -> None:
    answer = getattr(Client(), method)("/api/mcp", headers={"Authorization": f"Bearer {agent('read').secret}"})
    assert (answer.status_code, answer["Allow"]) == (405, "POST")


@pytest.mark.parametrize(
    ("body", "code"), [("{", -32700), ("[]", -32600), ('{"id": 1}', -32600), ('{"jsonrpc": "2.0", "id": 1}', -32600)]
)
@pytest.mark.parametrize("version", ["2025-06-18", "2026-07-28"])
def test_malformed_messages_are_errors_of_json_rpc(agent: Agents, body: str, code: int, version: str) -> None:
    answer = agent("read").post(body, **{"MCP-Protocol-Version": version})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] in {code, -32602}


def test_unknown_method_and_version_are_errors_of_json_rpc(agent: Agents) -> None:
    client = agent("read")
    assert client.ask("resources/list")["error"]["code"] == -32601
    assert "error" in client.post(PING, **{"MCP-Protocol-Version": "1999-01-01"}).json()


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost.evil.example"])
def test_pages_of_other_sites_are_refused(agent: Agents, origin: str) -> None:
    answer = agent("read").post(PING, Origin=origin)
    assert (answer.status_code, answer["Content-Type"]) == (403, "application/problem+json")


def test_page_of_the_own_site_is_not_refused(agent: Agents, settings: Settings) -> None:
    assert agent("read").post(PING, Origin=settings.SITE_URL).status_code == 200


def test_request_without_a_valid_token_is_refused(agent: Agents) -> None:
    valid = agent("read")
    assert Client().post("/api/mcp", PING, content_type="application/json").status_code == 401
    operations.revoke_token(token=ApiToken.objects.get(), by=ANYBODY)
    answer = valid.post(PING)
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")


def test_limit_of_requests_is_that_of_the_api(agent: Agents, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_token: str) -> None:
        raise limits.LimitReached(limits.API, timedelta(seconds=7))

    client = agent("read")
    monkeypatch.setattr(limits, "take_api_request", full)
    answer = client.post(PING)
    assert (answer.status_code, answer["Retry-After"]) == (429, "7")


def test_sdk_is_loaded_by_no_process_that_serves_no_agent() -> None:
    loading = "import django, sys; django.setup(); import statuspage.urls"
    code = f"{loading}; print([name for name in ('mcp', 'mcp_types', 'starlette') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def _calling(arguments: str) -> bytes:
    call = '{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "draft_incident", "arguments": %s}}'
    return (call % arguments).encode()


@pytest.mark.parametrize(
    "body",
    [
        b" ",
        b"\xff\xfe",
        b"[" * 100_000,
        b"1" * 5_000,
        _calling('{"name": ' + "[" * 5_000 + "]" * 5_000 + "}"),
        _calling('{"name": ' + "[" * 100 + "]" * 100 + "}"),
        _calling('{"name": "\\ud800", "body": "x"}'),
        _calling('{"name": NaN, "body": 1e999}'),
        _calling('{"name": null, "body": []}'),
        _calling("[]"),
        _calling('"text"'),
    ],
    ids=range(11),
)
@pytest.mark.parametrize("version", ["2025-06-18", "2026-07-28"])
def test_odd_bodies_are_refused_and_cause_no_fault(
    agent: Agents, body: bytes, version: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = agent("draft").post(body, **{"MCP-Protocol-Version": version, "Mcp-Method": "tools/call"})
    assert answer.status_code in {200, 400}
    found = answer.json()
    assert "error" in found or found["result"]["isError"]
    assert "Traceback" not in answer.content.decode()
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_request_with_another_content_type_is_refused(agent: Agents) -> None:
    headers = {"Authorization": f"Bearer {agent('read').secret}", "Accept": "application/json"}
    answer = Client().post("/api/mcp", PING, content_type="text/plain", headers=headers)
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert answer.json()["error"] == "Invalid Content-Type header"
