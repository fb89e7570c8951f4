"""The newsroom: Django's admin, in which every change of state goes through a verb of `operations`."""

from . import components, deliveries, incidents, page, subscribers

__all__ = ["components", "deliveries", "incidents", "page", "subscribers"]
