"""Staff accounts and groups, with their rights in the reader's language and as boxes that a phone can show."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from django import forms
from django.apps import apps
from django.contrib import admin
from django.contrib.auth import admin as stock
from django.contrib.auth.models import Group, Permission, User
from django.db import models
from django.forms.models import ModelChoiceIterator
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext, pgettext

Choice = tuple[Any, str]


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
    }


class _Boxes:
    def formfield_for_manytomany(
        self, db_field: "models.ManyToManyField[Any, Any]", request: HttpRequest | None = None, **kwargs: Any
    ) -> Any:
        if db_field.related_model is Permission:
            kwargs |= {"form_class": RightsField, "widget": RightsBoxes()}
        elif db_field.related_model is Group:
            kwargs |= {"widget": forms.CheckboxSelectMultiple({"class": "checks"})}
        return super().formfield_for_manytomany(db_field, request, **kwargs)  # type: ignore[misc]  # a mixin


admin.site.unregister([User, Group])


@admin.register(User)
class StaffAdmin(_Boxes, stock.UserAdmin[User]):
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")


@admin.register(Group)
class StaffGroupAdmin(_Boxes, stock.GroupAdmin):
    filter_horizontal = ()
