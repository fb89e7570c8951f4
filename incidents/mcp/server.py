"""The SDK's server with our tools, for one agent. Importing it is slow: see the package."""

import json
from typing import Any

import mcp_types as types
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError

from . import calls, tools

INSTRUCTIONS = (
    "The status page of a company: readers see incidents and planned maintenance there, and subscribers are notified "
    "of them. Drafts are the rule: a person reads, corrects and publishes them. "
    f"{tools.LANGUAGES} Texts are Markdown, short and factual."
)


def server_for(who: calls.WhoActs) -> Server[Any]:
    """Return a server whose tools act as `who` says."""

    async def list_tools(_context: Any, _params: Any) -> types.ListToolsResult:
        offered = await sync_to_async(calls.offered)(who)
        return types.ListToolsResult(tools=[_described(tool) for tool in offered])

    async def call_tool(_context: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        tool = tools.named(params.name)
        if tool is None:
            raise MCPError(code=types.INVALID_PARAMS, message=f"Unknown tool: {params.name[:80]}")
        return _result(await sync_to_async(calls.call)(tool, params.arguments or {}, who))

    return Server(
        "statuspage",
        version=settings.VERSION,
        title="Status page",
        instructions=INSTRUCTIONS,
        get_tool_input_schema=_schema_of,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


def _described(tool: tools.AgentTool) -> types.Tool:
    publishes = tool.is_draft is False
    hints = types.ToolAnnotations(
        read_only_hint=tool.is_draft is None,
        destructive_hint=publishes,  # what subscribers were told cannot be recalled
        idempotent_hint=tool.is_draft is None or tool.is_repeatable,
        open_world_hint=publishes,
    )
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=tool.takes.model_json_schema(),
        annotations=hints,
    )


def _schema_of(name: str) -> dict[str, Any] | None:
    tool = tools.named(name)
    return tool.takes.model_json_schema() if tool else None


def _result(answer: dict[str, Any] | calls.RefusedCall) -> types.CallToolResult:
    # The text repeats the structured content, for clients that read only text.
    if isinstance(answer, calls.RefusedCall):
        return types.CallToolResult(content=[types.TextContent(text="\n".join(answer.reasons))], is_error=True)
    text = json.dumps(answer, cls=DjangoJSONEncoder, ensure_ascii=False)
    return types.CallToolResult(content=[types.TextContent(text=text)], structured_content=json.loads(text))
