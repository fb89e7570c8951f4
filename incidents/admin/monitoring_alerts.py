"""Alerts from monitoring: the list, the rules that make incidents of them, and a form in which rules are tried."""

from typing import Any, cast

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from .. import operations
from ..merging import Snapshot
from ..models import AlertRule, MonitoringAlert
from ..monitoring_alerts.trial import outcomes_of
from ..operations import snapshots
from ..wording import passage, short_moment
from .addresses import incident_page
from .components import Placed, changed
from .filters import OneOfFilter
from .forms.alert_trial import AlertTrialForm
from .forms.opened_model import OpenedModelForm
from .opened_admin import opened_on
from .read_only import ReadOnlyAdmin, may_see
from .shared import actor, page


class AlertRuleForm(OpenedModelForm, forms.ModelForm[AlertRule]):
    class Meta:
        model = AlertRule
        fields = (
            "name",
            "is_active",
            "position",
            "conditions",
            "component",
            "component_label",
            "status",
            "impact",
            "template",
            "publish",
            "notify",
            "hold",
            "group_by",
            "resolve",
            "final_template",
            "quiet",
            "minimum_open",
        )

    def snapshot(self) -> Snapshot:
        return snapshots.of_alert_rule(self.instance)

    def clean(self) -> dict[str, Any]:
        # Run the verb's checks, so that its errors are shown next to the fields.
        super().clean()
        if not self.errors:
            operations.check_alert_rule(AlertRule(**{name: self.cleaned_data[name] for name in self.Meta.fields}))
        return self.cleaned_data


@admin.register(AlertRule)
class AlertRuleAdmin(Placed):
    form = AlertRuleForm
    change_list_template = "admin/newsroom/alert_rules.html"
    list_display = ("name", "shown_conditions", "component", "publish", "is_active", "position")
    list_display_links = ("name",)
    list_filter = ("is_active", "publish")
    list_select_related = ("component",)
    search_fields = ("name", "conditions")
    actions = None

    def get_urls(self) -> list[Any]:
        return [
            path("try/", self.admin_site.admin_view(self.trial), name="incidents_alertrule_try"),
            *super().get_urls(),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[AlertRule]:
        return super().get_queryset(request).in_order()  # type: ignore[no-any-return, attr-defined]

    def save_model(self, request: HttpRequest, obj: AlertRule, form: Any, change: bool) -> None:
        fields = cast("operations.AlertRuleFields", changed(form, change))
        by = actor(request)
        if change:
            stored = operations.edit_alert_rule(rule=obj, fields=fields, by=by, opened=opened_on(form))
        else:
            stored = operations.add_alert_rule(fields=fields, by=by)
        obj.pk = stored.pk
        obj._state.adding = False

    def delete_model(self, request: HttpRequest, obj: AlertRule) -> None:
        operations.remove_alert_rule(rule=obj, by=actor(request))

    def trial(self, request: HttpRequest) -> HttpResponse:
        """Show what an example would do; nothing is stored."""
        if not may_see(request.user, "alertrule"):
            raise PermissionDenied
        form = AlertTrialForm(request.POST or None)
        tried = outcomes_of(form.cleaned_data["example"]) if request.method == "POST" and form.is_valid() else None
        context = {"title": gettext("Try the rules"), "form": form, "outcomes": tried}
        return page(self, request, "alert_trial", context)

    @admin.display(description=_("conditions on labels"))
    def shown_conditions(self, rule: AlertRule) -> SafeString:
        lines = [(line.strip(),) for line in rule.conditions.splitlines() if line.strip()]
        return format_html_join(SafeString("<br>"), "<code>{}</code>", lines) or SafeString("–")


class FiringFilter(OneOfFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("firing", _("Firing")), ("ended", pgettext_lazy("alert", "Ended")), ("unmatched", _("Without a rule"))]

    def chosen(self, rows: Any, value: str) -> QuerySet[Any]:
        found: QuerySet[Any] = {
            "firing": rows.filter(ended_at=None),
            "ended": rows.exclude(ended_at=None),
            "unmatched": rows.filter(rule=None),
        }[value]
        return found


@admin.register(MonitoringAlert)
class MonitoringAlertAdmin(ReadOnlyAdmin):
    list_display = ("shown_name", "summary", "state", "shown_rule", "incident", "received")
    list_display_links = ("shown_name",)
    list_filter = (FiringFilter,)
    list_select_related = ("rule", "group__incident", "covered_by")
    ordering = ("-received_at", "-id")
    sortable_by = ()
    search_fields = ("labels", "summary")
    fields = (
        "shown_labels", "summary", "shown_link", "state", "fired_at", "ended_at", "received_at", "sender", "shown_rule",
        "component", "incident", "failure",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(description=_("alert from monitoring"))
    def shown_name(self, alert: MonitoringAlert) -> str:
        return str(alert)

    @admin.display(description=_("state"))
    def state(self, alert: MonitoringAlert) -> str:
        return gettext("Firing") if alert.ended_at is None else pgettext("alert", "Ended")

    @admin.display(description=_("labels"))
    def shown_labels(self, alert: MonitoringAlert) -> SafeString:
        return format_html_join(SafeString("<br>"), "<code>{} = {}</code>", sorted(alert.labels.items()))

    @admin.display(description=_("link"))
    def shown_link(self, alert: MonitoringAlert) -> SafeString:
        link = format_html('<a href="{0}" rel="noopener noreferrer">{0}</a>', alert.link)
        return link if alert.link else SafeString("–")

    @admin.display(description=_("alert rule"))
    def shown_rule(self, alert: MonitoringAlert) -> str:
        return alert.rule.name if alert.rule else gettext("No rule fits.")

    @admin.display(description=_("incident"))
    def incident(self, alert: MonitoringAlert) -> SafeString | str:
        incident = alert.covered_by or (alert.group.incident if alert.group else None)
        if incident is None:
            return "–"
        return format_html('<a href="{}">{}</a>', incident_page(incident), passage(incident.title))

    @admin.display(description=_("failure"))
    def failure(self, alert: MonitoringAlert) -> str:
        return alert.group.failure or "–" if alert.group else "–"

    @admin.display(description=_("received"))
    def received(self, alert: MonitoringAlert) -> str:
        return short_moment(timezone.localtime(alert.received_at))
