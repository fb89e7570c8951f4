"""The base of read-only lists, and how much of a subscriber's address staff may see."""

from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from ..identity import canonical
from ..models.subscribers import with_address
from .paging import PagedAdmin

User = AbstractBaseUser | AnonymousUser

MAY_SEE_ADDRESSES = "incidents.change_subscriber"


class ReadOnlyAdmin(PagedAdmin[Any]):
    """Staff can read these rows but not change them."""

    actions: Any = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    # The permission to change includes the permission to view.
    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_see(request.user, str(self.opts.model_name))


class SubscriberRowsAdmin(ReadOnlyAdmin):
    """Rows of subscribers. Without permission to see addresses, staff can only look up an exact address."""

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if sees_addresses(request.user):
            return queryset.filter(self.matching(search_term)), False
        if "@" in search_term:
            search_term = canonical(search_term.strip())
        return super().get_search_results(request, queryset, search_term)

    def matching(self, search_term: str) -> Q:
        """Match what staff who see addresses search for: parts of the address."""
        return with_address(search_term)


def may_see(user: User, model: str) -> bool:
    codes = [f"incidents.{deed}_{model}" for deed in ("view", "change")]
    return any(user.has_perm(code) for code in codes)  # type: ignore[union-attr]  # staff have permissions


def sees_addresses(user: User) -> bool:
    return bool(user.has_perm(MAY_SEE_ADDRESSES))  # type: ignore[union-attr]  # staff have permissions
