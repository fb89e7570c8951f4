"""The form in which alert rules are tried: an example, as JSON of a monitoring system or as lines of labels."""

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from ...api.alerts import NotAnAlert, read_alerts
from ...monitoring_alerts.receiving import ReceivedAlert

_MOST = 50  # alerts that are shown


class AlertTrialForm(forms.Form):
    example = forms.CharField(
        label=_("Example"),
        help_text=_(
            "Labels, one on each line, such as “severity = critical”, or the JSON that Alertmanager, Grafana or a "
            "program sends."
        ),
        max_length=100_000,
        widget=forms.Textarea(attrs={"rows": 12, "spellcheck": "false", "autocomplete": "off"}),
    )

    def clean_example(self) -> list[ReceivedAlert]:
        try:
            return read_alerts(self.cleaned_data["example"])[:_MOST]
        except NotAnAlert as wrong:
            raise ValidationError(_("This is not understood: %(reason)s"), params={"reason": str(wrong)}) from None
