"""Pages of long lists."""

from functools import cached_property
from typing import Any, TypeVar

from django.contrib.admin.views.main import ORDER_VAR, SEARCH_VAR
from django.contrib.postgres.aggregates import ArrayAgg
from django.core.paginator import Page, Paginator
from django.db.models import Count, Model, Q, QuerySet, Window
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


class NewestHitsPaginator(TwoEndedPaginator):
    """Counts all hits in the query that finds those among the newest rows.

    Most pages that staff look at are the first one of a common word, and this spares PostgreSQL the sorting of all
    hits. The list must be sorted by `time`, newest first, which needs an index and no empty values.
    """

    NEWEST = 500

    def __init__(self, hits: QuerySet[Any], *args: Any, rows: QuerySet[Any], time: str, **options: Any) -> None:
        super().__init__(hits, *args, **options)
        self.rows, self.time = rows, time

    @cached_property
    def count(self) -> int:
        return self._found[0]

    @cached_property
    def _found(self) -> tuple[int, list[Any]]:
        # The number of hits, and the keys of those among the newest rows.
        since = self.rows.order_by(f"-{self.time}").values_list(self.time, flat=True)[self.NEWEST - 1 :].first()
        is_new = Q() if since is None else Q(**{f"{self.time}__gte": since})
        found = self.object_list.aggregate(hits=Count("pk"), newest=ArrayAgg("pk", filter=is_new, default=[]))
        return found["hits"], found["newest"]

    def page(self, number: int | str) -> Page[Any]:
        number = self.validate_number(number)
        hits, newest = self._found
        if number > 1 or len(newest) < min(hits, self.per_page):
            return super().page(number)
        rows = self.rows.filter(pk__in=newest).order_by(*self.object_list.query.order_by)
        return Page(list(rows[: self.per_page]), number, self)


class PagedAdmin(FilteredAdmin[_Row]):
    """A list that can be long."""

    show_full_result_count = False
    list_per_page = 50
    # The indexed time column by which the list is sorted by default, newest first; "" if there is none.
    newest_by = ""

    def get_paginator(
        self, request: HttpRequest, queryset: QuerySet[_Row], per_page: int, *args: Any, **options: Any
    ) -> TwoEndedPaginator:
        if not request.GET.get(SEARCH_VAR, "").strip():
            return TwoEndedPaginator(queryset, per_page, *args, **options)
        rows = self.get_queryset(request)
        if self.newest_by and ORDER_VAR not in request.GET:
            return NewestHitsPaginator(queryset, per_page, *args, rows=rows, time=self.newest_by, **options)
        return SearchPaginator(queryset, per_page, *args, rows=rows, **options)
