"""Lists that can be filtered by their own filters only."""

from collections.abc import Collection
from typing import Any, TypeVar

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

_Row = TypeVar("_Row", bound=Model)


class FilteredAdmin(admin.ModelAdmin[_Row]):
    """A list that accepts the URL parameters of its filters, and those in `linked_by`, which other pages link with.

    Django accepts a condition on any field of the model. With `?address__startswith=a`
    staff could find out an address letter by letter that they see masked.
    """

    linked_by: Collection[str] = ()

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return lookup in self.linked_by or any(
            lookup in self._parameters_of(one) for one in self.get_list_filter(request)
        )

    def _parameters_of(self, list_filter: Any) -> set[str]:
        # The names that Django's filters for choices, yes or no, all values and foreign keys read.
        if isinstance(list_filter, tuple):  # a field and its filter
            list_filter, _filter = list_filter
        if not isinstance(list_filter, str):
            return {list_filter.parameter_name}
        exact = f"{list_filter}__exact"
        if self.opts.get_field(list_filter).is_relation:
            exact = f"{list_filter}__id__exact"
        return {list_filter, exact, f"{list_filter}__isnull"}
