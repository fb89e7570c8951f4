"""The page itself. There is one: the list leads straight to its form."""

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from .. import operations
from ..models import Page
from .components import changed


class PageForm(forms.ModelForm[Page]):
    time_zone = forms.ChoiceField(
        label=_("Time zone"),
        help_text=_("Times are shown in this zone, with its name."),
        choices=lambda: [(name, name) for name in sorted(available_timezones())],
    )

    class Meta:
        model = Page
        fields = (
            "name", "introduction", "company", "address", "website", "contact", "time_zone", "brand_colour",
        )  # fmt: skip
        widgets = {"brand_colour": forms.TextInput({"type": "color"})}


@admin.register(Page)
class PageAdmin(admin.ModelAdmin[Page]):
    form = PageForm
    formfield_overrides = {models.URLField: {"assume_scheme": "https"}}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and not Page.objects.exists()

    def has_delete_permission(self, request: HttpRequest, obj: Page | None = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        page = Page.objects.first()
        if page is not None:
            return HttpResponseRedirect(reverse("admin:incidents_page_change", args=[page.pk]))
        if self.has_add_permission(request):
            return HttpResponseRedirect(reverse("admin:incidents_page_add"))
        return super().changelist_view(request, extra_context)

    def save_model(self, request: HttpRequest, obj: Page, form: Any, change: bool) -> None:
        stored = operations.edit_page(fields=changed(form, change))
        obj.pk = stored.pk
        obj._state.adding = False
