"""An agent that posts messages to `/api/mcp` without a server, and one that uses the client of the SDK."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import anyio
import httpx2
from django.test import Client
from mcp import Client as SdkClient
from mcp.client.streamable_http import streamable_http_client

_R = TypeVar("_R")
VERSION = "2025-06-18"


@dataclass
class Agent:
    secret: str

    def post(self, body: str | bytes, **headers: str) -> Any:
        given = {
            "Accept": "application/json, text/event-stream",
            "Accept-Language": "en",
            "MCP-Protocol-Version": VERSION,
            "Authorization": f"Bearer {self.secret}",
            **headers,
        }
        return Client().post("/api/mcp", body, content_type="application/json", headers=given)

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a request of JSON-RPC, and return its answer."""
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
        answer = self.post(json.dumps(message))
        assert answer["Content-Type"].startswith("application/json"), answer.content
        found: dict[str, Any] = answer.json()
        return found

    def tools(self) -> list[str]:
        return [tool["name"] for tool in self.ask("tools/list")["result"]["tools"]]

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Use a tool, and return what it answers."""
        result = self.ask("tools/call", name=tool, arguments=arguments)["result"]
        assert not result.get("isError"), result
        found: dict[str, Any] = result["structuredContent"]
        assert json.loads(result["content"][0]["text"]) == found
        return found

    def refusal(self, tool: str, **arguments: Any) -> str:
        """Use a tool that refuses, and return why."""
        result = self.ask("tools/call", name=tool, arguments=arguments)["result"]
        assert result["isError"], result
        said: str = result["content"][0]["text"]
        return said


def connected(server: Any, mode: str, do: Callable[[SdkClient], Awaitable[_R]]) -> _R:
    """Connect the client of the SDK to a server, and return what `do` returns."""

    async def run() -> _R:
        async with SdkClient(server, mode=mode) as client:
            return await do(client)

    return anyio.run(run)


def connected_by_http(url: str, secret: str, mode: str, do: Callable[[SdkClient], Awaitable[_R]]) -> _R:
    """Connect to a server by HTTP with a token, and return what `do` returns."""

    async def run() -> _R:
        async with (
            httpx2.AsyncClient(headers={"Authorization": f"Bearer {secret}"}) as http,
            SdkClient(streamable_http_client(url, http_client=http), mode=mode) as client,
        ):
            return await do(client)

    return anyio.run(run)
