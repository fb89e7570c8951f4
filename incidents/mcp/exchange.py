"""One request of an agent by HTTP, answered by the SDK.

The SDK speaks ASGI and Django WSGI here. So each request gets a short event loop: the SDK reads the message, checks the
headers and answers with JSON, without a session. The tools run in the thread of the request, with its connection to the
database.
"""

from collections.abc import Mapping
from typing import Any

import anyio
from asgiref.sync import async_to_sync
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

from . import calls
from .server import server_for

Answer = tuple[int, dict[str, str], bytes]


def answer(headers: Mapping[str, str], body: bytes, who: calls.WhoActs) -> Answer:
    """Return status, headers and body."""
    return async_to_sync(_answer)(headers, body, who)


async def _answer(headers: Mapping[str, str], body: bytes, who: calls.WhoActs) -> Answer:
    waiting, sent = [{"type": "http.request", "body": body, "more_body": False}], []

    async def receive() -> dict[str, Any]:
        if waiting:
            return waiting.pop()
        await anyio.sleep_forever()  # the client stays until it has the answer
        raise AssertionError

    async def send(message: Any) -> None:
        sent.append(message)

    manager = StreamableHTTPSessionManager(server_for(who), json_response=True, stateless=True)
    async with manager.run():
        await manager.handle_request(_scope(headers), receive, send)
    return _read(sent)


def _scope(headers: Mapping[str, str]) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/api/mcp",
        "query_string": b"",
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()],
    }


def _read(sent: list[dict[str, Any]]) -> Answer:
    start = sent[0]
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in start["headers"]}
    return start["status"], headers, b"".join(message.get("body", b"") for message in sent[1:])
