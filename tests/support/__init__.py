"""Shared test helpers: a webhook receiver, WSGI requests, processes and PostgreSQL locks."""
