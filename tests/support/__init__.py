"""Helpers for several tests: a webhook receiver, WSGI requests, processes, and the locks of PostgreSQL."""
