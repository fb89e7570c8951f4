"""The filters of lists, and the base of lists, which accepts no other conditions."""

from collections.abc import Collection
from copy import copy
from typing import Any, TypeVar

from django.conf import settings
from django.contrib import admin
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from ..status import Kind, impacts_of, phases_of
from ..wording import language_name
from .history import LoggedAdmin

_Row = TypeVar("_Row", bound=Model)


class _ChoicesFilter(admin.ChoicesFieldListFilter):
    """Offers choices other than those of the field."""

    def __init__(self, field: Any, *args: Any, **options: Any) -> None:
        _request, _params, _model, model_admin = args
        shown = copy(field)
        shown.choices = self.offered(field, model_admin)
        super().__init__(shown, *args, **options)

    def offered(self, field: Any, model_admin: Any) -> list[tuple[Any, Any]]:
        raise NotImplementedError


class OwnChoicesFilter(_ChoicesFilter):
    """Offers the phases and impacts of the list's kind only."""

    def offered(self, field: Any, model_admin: Any) -> list[tuple[Any, Any]]:
        kind: Kind = model_admin.kind
        own = phases_of(kind) if field.name == "phase" else impacts_of(kind)
        return [(value, label) for value, label in field.flatchoices if value in own]


class LanguageFilter(_ChoicesFilter):
    """Offers the languages of the page. Django would read all rows for the languages that occur."""

    def offered(self, field: Any, model_admin: Any) -> list[tuple[Any, Any]]:
        return [(code, language_name(code)) for code, _name in settings.LANGUAGES]


class OneOfFilter(admin.SimpleListFilter):
    """A filter whose unknown values have no effect."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return self.chosen(queryset, value) if value in dict(self.lookup_choices) else queryset

    def chosen(self, rows: QuerySet[Any], value: str) -> QuerySet[Any]:
        """The rows with this value."""
        return rows.filter(self.condition(value))

    def condition(self, value: str) -> Q:
        raise NotImplementedError


class ReplyFilter(admin.SimpleListFilter):
    """By the class of the receiving server's reply (RFC 5321 §4.2.1)."""

    title = _("reply")
    parameter_name = "reply_class"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("2", _("2xx: accepted")),
            ("4", _("4xx: deferred")),
            ("5", _("5xx: refused")),
            ("none", pgettext_lazy("reply", "None")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return queryset.filter(_with_reply(value)) if value in dict(self.lookup_choices) else queryset


def _with_reply(value: str) -> Q:
    if value == "none":
        return Q(reply_code__isnull=True)
    return Q(reply_code__range=(int(value) * 100, int(value) * 100 + 99))


class FilteredAdmin(LoggedAdmin[_Row]):
    """A list that accepts the URL parameters of its filters, and those in `linked_by`, which other pages link with.

    Django accepts a condition on any field of the model. With `?address__startswith=a`
    staff could find out an address letter by letter that they see masked.
    """

    linked_by: Collection[str] = ()
    show_facets = admin.ShowFacets.NEVER  # the lists do not show how many rows each choice has; counting takes time

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
