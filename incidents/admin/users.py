"""Staff accounts and groups, with their rights in the reader's language and as boxes that a phone can show.

Nobody gives rights that they lack, or changes an account that has more than they have, its password included.
"""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from django import forms
from django.apps import apps
from django.contrib import admin
from django.contrib.auth import admin as stock
from django.contrib.auth.forms import UserChangeForm
from django.contrib.auth.models import Group, Permission, User
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.db.models import Q, QuerySet
from django.forms.models import ModelChoiceIterator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from django.utils.text import capfirst
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _

from ..sign_in import emails, sessions
from ..staff import roles
from ..staff.roles import Role
from .account_audit import record_removed, record_saved
from .external_accounts import links_page
from .filters import FilteredAdmin
from .second_factor import reset_page
from .sessions import current_session, follow_new_password, say_ended, sessions_page

Choice = tuple[Any, str]

_RIGHTS = frozenset({"is_active", "is_staff", "is_superuser", "groups", "user_permissions"})


class RightsBoxes(forms.CheckboxSelectMultiple):
    """A row per kind of thing, a box per right. Django's two lists have fields without labels."""

    template_name = "widgets/rights.html"


class RightsByModel(ModelChoiceIterator[Permission]):
    def __iter__(self) -> Iterator[tuple[str, list[Choice]]]:  # type: ignore[override]  # groups, as in a select
        rights = sorted(self.queryset, key=lambda one: (_order(one), one.pk))
        for (_app, label, _type), group in groupby(rights, key=_order):
            yield label, [self.choice(one) for one in group]


class RightsField(forms.ModelMultipleChoiceField[Permission]):
    iterator = RightsByModel

    def label_from_instance(self, obj: Any) -> str:
        deed = str(obj.codename).partition("_")[0]
        return _deeds().get(deed) or gettext(obj.name)


class GroupsField(forms.ModelMultipleChoiceField[Group]):
    """The roles with what they may do, and the installation's own groups."""

    def label_from_instance(self, obj: Group) -> str:
        role = roles.role_of(obj.name)
        return f"{roles.LABELS[role]}: {roles.EXPLANATIONS[role]}" if role else obj.name


def _order(right: Permission) -> tuple[bool, str, int]:
    # What the newsroom shows comes first.
    kind = right.content_type
    try:
        model = apps.get_model(kind.app_label, kind.model)
    except LookupError:
        return True, kind.model, kind.pk
    return not admin.site.is_registered(model), capfirst(str(model._meta.verbose_name_plural)), kind.pk


def _deeds() -> dict[str, str]:
    return {
        "view": pgettext("right", "see"),
        "add": pgettext("right", "add"),
        "change": pgettext("right", "change"),
        "delete": pgettext("right", "delete"),
        "publish": pgettext("right", "publish"),
    }


def exceeds(other: Any, user: Any) -> bool:
    """Whether an account has a right that the user lacks."""
    if user.is_superuser:
        return False
    return other.is_superuser or roles.permissions_of(other).exclude(pk__in=roles.permissions_of(user)).exists()


def is_last_administrator(user: Any) -> bool:
    """Whether nobody else may do everything."""
    administrators = User.objects.filter(is_superuser=True, is_active=True, is_staff=True)
    return administrators.filter(pk=user.pk).exists() and not administrators.exclude(pk=user.pk).exists()


class StaffForm(UserChangeForm[User]):
    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        kept = ("is_active", "is_staff", "is_superuser")
        lost = [name for name in kept if name in self.fields and not self.cleaned_data.get(name)]
        if lost and is_last_administrator(self.instance):
            said = gettext("This is the last account that may do everything. Give another account that right first.")
            self.add_error(lost[0], said)
        return cleaned


class _Boxes:
    """Offers the rights that the newsroom uses, and those that the row has already, so that none is lost."""

    opts: Any

    def formfield_for_manytomany(
        self, db_field: "models.ManyToManyField[Any, Any]", request: HttpRequest | None = None, **kwargs: Any
    ) -> Any:
        own = roles.permissions_of(request.user) if request else Permission.objects.none()
        if db_field.related_model is Permission:
            used = roles.permissions(roles.rights_of(Role.ADMINISTRATOR))
            rights = own.filter(Q(pk__in=used) | Q(pk__in=self._stored(request)))
            kwargs |= {"form_class": RightsField, "widget": RightsBoxes(), "queryset": rights}
        elif db_field.related_model is Group:
            more = Permission.objects.exclude(pk__in=own)
            offered = Group.objects.exclude(pk__in=Group.objects.filter(permissions__in=more))
            boxes = forms.CheckboxSelectMultiple({"class": "checks"})
            kwargs |= {"form_class": GroupsField, "widget": boxes, "queryset": offered.order_by("pk")}
        return super().formfield_for_manytomany(db_field, request, **kwargs)  # type: ignore[misc]  # a mixin

    def _stored(self, request: HttpRequest | None) -> QuerySet[Permission]:
        match = request.resolver_match if request else None
        row = match.kwargs.get("object_id") if match else None
        return Permission.objects.filter(**{str(self.opts.model_name): row}) if row else Permission.objects.none()


admin.site.unregister([User, Group])


@admin.register(User)
class StaffAdmin(_Boxes, FilteredAdmin[User], stock.UserAdmin[User]):
    form = StaffForm
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined", "may")
    actions = None  # deleting several accounts at once could delete every administrator

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        more = () if request.user.is_superuser else ("is_superuser",)
        return (*super().get_readonly_fields(request, obj), *more)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or not exceeds(obj, request.user))

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        may = super().has_delete_permission(request, obj)
        return may and (obj is None or not (exceeds(obj, request.user) or is_last_administrator(obj)))

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        found = list(super().get_fieldsets(request, obj))
        return [*found[:2], (_("Rights in words"), {"fields": ("may",)}), *found[2:]] if obj else found

    @admin.display(description=_("may"))
    def may(self, user: User) -> str:
        """What the account's roles, groups and own rights let it do."""
        return "; ".join(roles.deeds_of(user)) or gettext("nothing")

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        return [
            path("<id>/sessions/", wrap(self.sessions), name="auth_user_sessions"),
            path("<id>/second-factor/", wrap(self.second_factor), name="auth_user_second_factor"),
            path("<id>/single-sign-on/", wrap(self.single_sign_on), name="auth_user_single_sign_on"),
            *super().get_urls(),
        ]

    def sessions(self, request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002 - as Django's view of the password
        """Where a person is logged in, for staff who may change the account."""
        return sessions_page(request, self._changeable(request, id))

    def second_factor(self, request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002
        """Reset the second factor of a person, for staff who may change the account."""
        return reset_page(request, self.admin_site, self._changeable(request, id))

    def single_sign_on(self, request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002
        """Link a person with accounts elsewhere, for staff who may change the account."""
        return links_page(request, self.admin_site, self._changeable(request, id))

    def _changeable(self, request: HttpRequest, number: str) -> User:
        person = self.get_object(request, number)
        if person is None:
            raise Http404
        if not self.has_change_permission(request, person):
            raise PermissionDenied
        return person

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002
        response = super().user_change_password(request, id, form_url)
        person = self.get_object(request, id)
        if person and isinstance(response, HttpResponseRedirect):
            follow_new_password(request, person)
        return response

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and "email" in form.changed_data:
            emails.send_new_address(obj, current_session(request), old=form.initial.get("email") or "")

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """End the sessions of an account whose rights change, except the one in which they are changed."""
        super().save_related(request, form, formsets, change)
        ended = 0
        if change and _RIGHTS.intersection(form.changed_data):
            ended = sessions.end_sessions(user=form.instance, but=current_session(request))
        record_saved(request, form, is_new=not change, ended=ended)
        if ended:
            say_ended(request, ended)

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        record_removed(request, obj)
        super().delete_model(request, obj)


@admin.register(Group)
class StaffGroupAdmin(_Boxes, FilteredAdmin[Group], stock.GroupAdmin):
    """Groups of the installation's own can be changed; the roles follow the version of the product."""

    filter_horizontal = ()
    list_display = ("shown_name", "explanation")
    ordering = ("pk",)

    @admin.display(description=_("name"), ordering="name")
    def shown_name(self, group: Group) -> str:
        return roles.group_label(group.name)

    @admin.display(description=_("explanation"), empty_value="–")
    def explanation(self, group: Group) -> str | None:
        role = roles.role_of(group.name)
        return str(roles.EXPLANATIONS[role]) if role else None

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """End the sessions of a group's members if its rights change, except the one in which they are changed."""
        super().save_related(request, form, formsets, change)
        ended = _end_sessions_of(request, form.instance) if change and "permissions" in form.changed_data else 0
        record_saved(request, form, is_new=not change, ended=ended)

    @transaction.atomic
    def delete_model(self, request: HttpRequest, obj: Group) -> None:
        """End the sessions of the members, who lose the rights of the group."""
        record_removed(request, obj, ended=_end_sessions_of(request, obj))
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Group]) -> None:
        for group in queryset.order_by("pk"):
            self.delete_model(request, group)

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return super().has_change_permission(request, obj) and self._holds_all(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return super().has_delete_permission(request, obj) and self._holds_all(request, obj)

    def _holds_all(self, request: HttpRequest, group: Group | None) -> bool:
        # Whether the user has every right of the group, and it is none of the roles.
        if group is not None and roles.role_of(group.name):
            return False
        return group is None or not group.permissions.exclude(pk__in=roles.permissions_of(request.user)).exists()


def _end_sessions_of(request: HttpRequest, group: Group) -> int:
    ended = sessions.end_sessions_of_members(group=group, but=current_session(request))
    if ended:
        say_ended(request, ended)
    return ended
