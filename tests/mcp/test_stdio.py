"""Agents that start `manage.py mcp`, with the client of the SDK."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection
from mcp import Client as SdkClient
from mcp import StdioServerParameters

from incidents import operations
from incidents.models import ApiToken, Incident, Update
from tests.actors import ANYBODY
from tests.factories import make_page, make_token
from tests.mcp.test_tools import TEXTS
from tests.publishing.processes import environment
from tests.support.agent import connected

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def token() -> ApiToken:
    make_page()
    return make_token(get_user_model().objects.create_superuser("mette"), "draft", "publish", name="Night agent")


def server(token: ApiToken) -> StdioServerParameters:
    return StdioServerParameters(
        command=sys.executable,
        args=[str(Path(settings.BASE_DIR, "manage.py")), "mcp"],
        env={**environment(), "MCP_TOKEN": token.secret},
    )


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_client_of_the_sdk_drafts_and_publishes(public_store: Path, token: ApiToken, mode: str) -> None:
    async def use(client: SdkClient) -> tuple[list[str], Any]:
        names = [tool.name for tool in (await client.list_tools()).tools]
        drafted = (await client.call_tool("draft_incident", TEXTS)).structured_content
        published = await client.call_tool("publish_draft", {"update_id": drafted["draft"]["update_id"]})
        return names, published.structured_content

    names, published = connected(server(token), mode, use)
    assert "publish_draft" in names
    incident = Incident.objects.get(pk=published["incident"]["id"])
    assert incident.is_public
    assert Update.objects.get().agent == "Night agent"
    assert (public_store / "en" / "incidents" / incident.pk / "index.html").exists()


def test_token_that_is_revoked_while_an_agent_is_connected_is_refused(public_store: Path, token: ApiToken) -> None:
    async def use(client: SdkClient) -> tuple[Any, list[Any]]:
        await client.list_tools()
        await anyio.to_thread.run_sync(revoke)
        return await client.call_tool("get_page", {}), (await client.list_tools()).tools

    def revoke() -> None:
        try:
            operations.revoke_token(token=token, by=ANYBODY)
        finally:
            connection.close()

    answer, offered = connected(server(token), "legacy", use)
    assert answer.is_error
    assert "revoked" in answer.content[0].text
    assert offered == []


@pytest.mark.parametrize("given", ["", "sp_wrong"])
def test_command_without_a_valid_token_says_so_and_stops(given: str) -> None:
    command = [sys.executable, str(Path(settings.BASE_DIR, "manage.py")), "mcp"]
    done = subprocess.run(
        command, env={**environment(), "MCP_TOKEN": given}, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 1
    assert done.stderr.startswith("CommandError: MCP_TOKEN:")
    assert "Traceback" not in done.stderr
