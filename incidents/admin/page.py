"""The page's settings. There is one page, so the list redirects to its form."""

from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from .. import operations
from ..models import Page
from .components import changed
from .forms.page import PageForm, link_names
from .opened_admin import OpenedAdmin, opened_on
from .shared import actor


@admin.register(Page)
class PageAdmin(OpenedAdmin):
    form = PageForm
    formfield_overrides = {models.URLField: {"assume_scheme": "https"}}

    def get_fieldsets(self, request: HttpRequest, obj: Page | None = None) -> Any:
        """Written out, because the fields for links and logo belong to the form."""
        logo = ["logo_file", *(["remove_logo"] if obj and obj.logo_id else []), "logo_text"]
        links = [name for pair in link_names() for name in pair]
        return [
            (None, {"fields": ["name", "introduction", "company", "address", "website", "contact", "time_zone"]}),
            (_("Appearance"), {"fields": ["brand_colour", *logo]}),
            (_("Links in the footer"), {"fields": links}),
        ]

    def get_form(self, request: HttpRequest, obj: Page | None = None, change: bool = False, **kwargs: Any) -> Any:
        # Django would ask the model for every field in the fieldsets.
        return super().get_form(request, obj, change, **{**kwargs, "fields": PageForm.Meta.fields})

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
        said = changed(form, change)
        fields = {name: value for name, value in said.items() if name in form.Meta.fields}
        by = actor(request)
        stored = operations.edit_page(
            fields={**fields, "links": form.links}, by=by, opened=opened_on(form) if change else None
        )
        if form.cleaned_data.get("logo_file"):
            operations.change_logo(content=form.cleaned_data["logo_file"], by=by)
        elif form.cleaned_data.get("remove_logo"):
            operations.change_logo(content=None, by=by)
        obj.pk = stored.pk
        obj._state.adding = False
