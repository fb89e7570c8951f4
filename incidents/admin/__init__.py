"""The newsroom: Django's admin. Every change of state goes through a verb of `operations`."""

from . import bounces, components, deliveries, incidents, page, subscribers, templates, users

__all__ = ["bounces", "components", "deliveries", "incidents", "page", "subscribers", "templates", "users"]
