"""Components and their groups."""

from functools import partial
from typing import Any, cast

from django import forms
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.contrib.admin.widgets import AdminIntegerFieldWidget
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from .. import operations
from ..labels import COMPONENT_STATUSES
from ..merging import Snapshot
from ..models import PAGE_ORDER, Component, ComponentGroup
from ..operations import snapshots
from ..staff import rights
from ..status import ComponentStatus, Kind
from ..wording import passage, state
from .causes import Reason, current_reasons
from .component_statuses import set_status
from .forms.opened_model import OpenedModelForm
from .opened_admin import OpenedAdmin, opened_on
from .shared import actor


def changed(form: ModelForm[Any], change: bool) -> dict[str, Any]:
    """The values of a valid form: all for a new row, otherwise only the changed ones."""
    names = form.changed_data if change else form.cleaned_data
    return {name: form.cleaned_data[name] for name in names}


class ComponentForm(OpenedModelForm, forms.ModelForm[Component]):
    def snapshot(self) -> Snapshot:
        return snapshots.of_component(self.instance)

    class Meta:
        model = Component
        fields = ("name", "description", "group", "position", "hidden", "start_date", "slug")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "start_date" in self.fields:
            self.fields["start_date"].widget = forms.DateInput({"type": "date"}, format="%Y-%m-%d")
        if "slug" in self.fields:
            self.fields["slug"].required = False
            self.fields["slug"].help_text = _("Stands in the component's address; keep it. Empty: made from the name.")


class GroupForm(OpenedModelForm, forms.ModelForm[ComponentGroup]):
    def snapshot(self) -> Snapshot:
        return snapshots.of_group(self.instance)

    class Meta:
        model = ComponentGroup
        fields = ("name", "description", "position")


class ComponentList(ChangeList):
    """The list of components, each of the page with the reason for its status."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        reasons = current_reasons([component.pk for component in self.result_list])
        for component in self.result_list:
            component.reason = reasons.get(component.pk)


class Placed(OpenedAdmin):
    """A list in which the position of each row can be edited. Only those that were edited are saved."""

    list_editable = ("position",)

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> type[ModelForm[Any]]:
        box = AdminIntegerFieldWidget({"aria-label": _("position")})
        return super().get_changelist_form(request, widgets={"position": box}, **kwargs)

    def get_changelist_formset(self, request: HttpRequest, **kwargs: Any) -> Any:
        formset: Any = super().get_changelist_formset(request, **kwargs)
        # What is posted is compared with what the list showed, not with what is stored by then.
        formset.form.base_fields["position"].show_hidden_initial = True
        return formset


@admin.register(Component)
class ComponentAdmin(Placed):
    form = ComponentForm
    list_display = ("shown_name", "badge", "because_of", "group", "position", "visibility")
    list_display_links = ("shown_name",)
    list_filter = ("status", "group", "hidden")
    list_select_related = ("group",)
    search_fields = ("name", "slug")
    ordering = PAGE_ORDER
    show_full_result_count = False

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        # One action per status, for those who may change components, or publish.
        may_publish = request.user.has_perm(rights.publish(Kind.INCIDENT))
        if not (may_publish or self.has_change_permission(request)):
            return {}
        return {
            f"set_{one}": (
                partial(set_status, one),
                f"set_{one}",
                _("Set status: %(status)s") % {"status": COMPONENT_STATUSES[one]},
            )
            for one in ComponentStatus
        }

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return ComponentList

    def has_delete_permission(self, request: HttpRequest, obj: Component | None = None) -> bool:
        # Deleting a component would delete its history; it is hidden instead.
        return False

    def save_model(self, request: HttpRequest, obj: Component, form: Any, change: bool) -> None:
        fields = cast("operations.ComponentFields", changed(form, change))
        by = actor(request)
        if change:
            stored = operations.edit_component(component=obj, fields=fields, by=by, opened=opened_on(form))
        else:
            stored = operations.add_component(fields=fields, by=by)
        obj.pk, obj.slug = stored.pk, stored.slug
        obj._state.adding = False

    @admin.display(description=_("name"), ordering="name")
    def shown_name(self, component: Component) -> SafeString:
        return passage(component.name)

    @admin.display(description=_("status"), ordering="status")
    def badge(self, component: Component) -> SafeString:
        # With the status as it is shown, for the action that sets another one.
        seen = format_html('<input type="hidden" name="status-{}" value="{}">', component.pk, component.status)
        return state(component.status) + seen

    @admin.display(description=_("because of"), empty_value="–")
    def because_of(self, component: Component) -> SafeString | None:
        reason: Reason | None = getattr(component, "reason", None)
        return reason.causes if reason else None

    @admin.display(description=pgettext_lazy("who sees a component", "visible"), ordering="hidden")
    def visibility(self, component: Component) -> str:
        return gettext("No") if component.hidden else gettext("Yes")


@admin.register(ComponentGroup)
class ComponentGroupAdmin(Placed):
    form = GroupForm
    list_display = ("shown_name", "position")
    search_fields = ("name",)
    actions = None

    def save_model(self, request: HttpRequest, obj: ComponentGroup, form: Any, change: bool) -> None:
        fields = cast("operations.GroupFields", changed(form, change))
        by = actor(request)
        if change:
            stored = operations.edit_group(group=obj, fields=fields, by=by, opened=opened_on(form))
        else:
            stored = operations.add_group(fields=fields, by=by)
        obj.pk = stored.pk
        obj._state.adding = False

    def delete_model(self, request: HttpRequest, obj: ComponentGroup) -> None:
        operations.remove_group(group=obj, by=actor(request))

    @admin.display(description=_("name"), ordering="name")
    def shown_name(self, group: ComponentGroup) -> SafeString:
        return passage(group.name)
