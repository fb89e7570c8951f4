"""Alerts to staff about what waits for a person: by email, in the team's chat, and as a list in the newsroom."""
