"""The server for agents: the Model Context Protocol (MCP) over the same verbs as the API (docs/agents.md).

`server` and `exchange` import the SDK, which takes seconds and tens of megabytes. Processes that serve no agent do not
load them.
"""
