"""Sends what is due: workers, the dispatcher between their connections, and group commit."""
