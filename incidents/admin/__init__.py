"""The newsroom: Django's admin. Every change of state goes through a verb of `operations`."""

from . import (
    audit,
    bounces,
    components,
    deliveries,
    incidents,
    monitoring_alerts,
    page,
    subscribers,
    templates,
    tokens,
    users,
)

__all__ = [
    "audit",
    "bounces",
    "components",
    "deliveries",
    "incidents",
    "monitoring_alerts",
    "page",
    "subscribers",
    "templates",
    "tokens",
    "users",
]
