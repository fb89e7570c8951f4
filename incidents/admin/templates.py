"""Templates: the texts that the composer offers."""

from typing import Any, cast

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import pgettext_lazy

from .. import operations
from ..merging import Snapshot
from ..models import UpdateTemplate
from ..operations import snapshots
from ..wording import passage
from .components import Placed, changed
from .forms.fields import explain_markup
from .forms.opened_model import OpenedModelForm
from .opened_admin import opened_on
from .shared import actor


class TemplateForm(OpenedModelForm, forms.ModelForm[UpdateTemplate]):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "text" in self.fields:  # not for staff who may only read it
            explain_markup(self.fields["text"])

    def snapshot(self) -> Snapshot:
        return snapshots.of_template(self.instance)

    class Meta:
        model = UpdateTemplate
        fields = ("name", "kind", "phase", "title", "text", "position")

    def clean(self) -> dict[str, Any]:
        # Run the verb's checks, so that its errors are shown next to the fields.
        super().clean()
        if not self.errors:
            operations.check_template(UpdateTemplate(**{name: self.cleaned_data[name] for name in self.Meta.fields}))
        return self.cleaned_data


@admin.register(UpdateTemplate)
class UpdateTemplateAdmin(Placed):
    form = TemplateForm
    list_display = ("shown_name", "kind", "phase", "position")
    list_display_links = ("shown_name",)
    list_filter = ("kind", "phase")
    search_fields = ("name", "text")
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[UpdateTemplate]:
        return super().get_queryset(request).in_order()  # type: ignore[no-any-return, attr-defined]

    def save_model(self, request: HttpRequest, obj: UpdateTemplate, form: Any, change: bool) -> None:
        fields = cast("operations.TemplateFields", changed(form, change))
        by = actor(request)
        if change:
            stored = operations.edit_template(template=obj, fields=fields, by=by, opened=opened_on(form))
        else:
            stored = operations.add_template(fields=fields, by=by)
        obj.pk = stored.pk
        obj._state.adding = False

    def delete_model(self, request: HttpRequest, obj: UpdateTemplate) -> None:
        operations.remove_template(template=obj, by=actor(request))

    @admin.display(description=pgettext_lazy("template", "name"), ordering="name")
    def shown_name(self, template: UpdateTemplate) -> SafeString:
        return passage(template.name)
