"""Serves one agent on standard input and output, with the token in the environment variable MCP_TOKEN."""

import os

from asgiref.sync import async_to_sync
from django.db import close_old_connections
from mcp.server.stdio import stdio_server

from ..api.authentication import actor_with
from ..staff.actors import Actor, agent
from .server import server_for

VARIABLE = "MCP_TOKEN"


def who_acts() -> Actor:
    """Return the agent. Raises RequestRefused if its token is not valid, or is used too often."""
    close_old_connections()  # the last call may be hours ago
    token = os.environ.get(VARIABLE, "")
    return agent(actor_with(f"Bearer {token}" if token else None, ""))


def serve() -> None:
    """Serve until standard input ends. The tools run in this thread."""
    async_to_sync(_serve)()


async def _serve() -> None:
    server = server_for(who_acts)
    async with stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())
