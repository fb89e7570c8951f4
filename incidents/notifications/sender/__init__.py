"""Sending: workers, the dispatcher that feeds their connections, rate limiting, and group commit."""
