"""Pages of long lists."""

from functools import cached_property
from typing import Any, TypeVar

from django.contrib.admin.views.main import SEARCH_VAR
from django.core.paginator import Page, Paginator
from django.db.models import Count, Model, QuerySet, Window
from django.http import HttpRequest

from .filters import FilteredAdmin

_Row = TypeVar("_Row", bound=Model)


class TwoEndedPaginator(Paginator):  # type: ignore[type-arg]  # as Django's admin uses it
    """Reads the pages of the second half from the end, in reverse order.

    To reach the last page, PostgreSQL would otherwise sort or skip every row before it.
    The rows must have a total order, which Django's admin sees to.
    """

    object_list: QuerySet[Any]

    def page(self, number: int | str) -> Page[Any]:
        number = self.validate_number(number)
        start = (number - 1) * self.per_page
        if start < self.count / 2:
            return super().page(number)
        end = min(start + self.per_page, self.count)
        rows = self.object_list.reverse()[self.count - end : self.count - start]
        return Page(list(rows)[::-1], number, self)


class SearchPaginator(TwoEndedPaginator):
    """Finds the first page and counts all hits in one query, because finding them is what takes time.

    `rows` are those of the whole list. The query reads only the keys, so that PostgreSQL has little to sort.
    """

    def __init__(self, hits: QuerySet[Any], *args: Any, rows: QuerySet[Any], **options: Any) -> None:
        super().__init__(hits, *args, **options)
        self.rows = rows

    @cached_property
    def count(self) -> int:
        return self._first[0][1] if self._first else 0

    @cached_property
    def _first(self) -> list[tuple[Any, int]]:
        # The keys of the first page, each with the number of all hits.
        return list(self.object_list.values_list("pk", Window(Count("*")))[: self.per_page])

    def page(self, number: int | str) -> Page[Any]:
        if self.validate_number(number) > 1:
            return super().page(number)
        keys = [key for key, _hits in self._first]
        by_key = {row.pk: row for row in self.rows.filter(pk__in=keys)}
        return Page([by_key[key] for key in keys if key in by_key], 1, self)


class PagedAdmin(FilteredAdmin[_Row]):
    """A list that can be long."""

    show_full_result_count = False
    list_per_page = 50

    def get_paginator(
        self, request: HttpRequest, queryset: QuerySet[_Row], per_page: int, *args: Any, **options: Any
    ) -> TwoEndedPaginator:
        if request.GET.get(SEARCH_VAR, "").strip():
            return SearchPaginator(queryset, per_page, *args, rows=self.get_queryset(request), **options)
        return TwoEndedPaginator(queryset, per_page, *args, **options)
