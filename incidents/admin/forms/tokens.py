"""The form with which an API token is made."""

from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from ...models import ApiToken
from ...models.ids import new_id
from ...operations.tokens import LONGEST
from ...staff.scopes import EXPLANATIONS, offered_to
from ..addresses import is_id

_DAYS = (30, 90, 365)
_OWN = "own"


class ApiTokenForm(forms.Form):
    """`pk` is the id of the token: the form that a reload sends again makes no second one."""

    pk = forms.CharField(widget=forms.HiddenInput)
    name = forms.CharField(
        label=_("Name"),
        max_length=60,
        help_text=_("What uses the token, such as “Deployments”. The audit log shows it."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    scopes = forms.MultipleChoiceField(
        label=_("What the token may do"),
        help_text=_("Choose as little as possible. A token never may do more than you may at that moment."),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose what the token is for.")},
    )
    days = forms.ChoiceField(label=_("Valid for"), initial="90", widget=forms.RadioSelect)
    last_day = forms.DateField(
        label=_("Last day"), required=False, widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    )

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"initial": {"pk": new_id()}, "label_suffix": "", **kwargs})
        offered: Any = self.fields["scopes"]
        offered.choices = [(one.value, f"{one.label}: {EXPLANATIONS[one]}") for one in offered_to(user)]
        spans: Any = self.fields["days"]
        spans.choices = [(str(days), ngettext("{n} day", "{n} days", days).format(n=days)) for days in _DAYS]
        spans.choices = [*spans.choices, (_OWN, gettext("Until a day of your choice"))]
        today = timezone.localdate()
        self.fields["last_day"].widget.attrs |= {"min": f"{today}", "max": f"{today + LONGEST}"}

    def clean_pk(self) -> str:
        pk: str = self.cleaned_data["pk"]
        return pk if is_id(pk) else new_id()

    def clean(self) -> dict[str, Any]:
        days = self.cleaned_data.get("days")
        if days == _OWN:
            self._read_last_day()
        elif days:
            self.cleaned_data["expires_at"] = timezone.now() + timedelta(days=int(days))
        return self.cleaned_data

    def refuse(self, refusal: ValidationError) -> None:
        """Show what a verb has refused beside the field."""
        for name, errors in refusal.error_dict.items():
            self.add_error("last_day" if name == "expires_at" else name, errors)

    def _read_last_day(self) -> None:
        day, today = self.cleaned_data.get("last_day"), timezone.localdate()
        if day is None:
            if "last_day" not in self.errors:
                self.add_error("last_day", gettext("Choose the last day."))
        elif not today <= day <= today + LONGEST:
            self.add_error("last_day", gettext("Choose a day within the next 365 days."))
        else:
            midnight = datetime.combine(day + timedelta(days=1), time.min, timezone.get_current_timezone())
            self.cleaned_data["expires_at"] = midnight

    def given(self) -> dict[str, Any]:
        """What the verb needs."""
        return {name: self.cleaned_data[name] for name in ("pk", "name", "scopes", "expires_at")}

    def earlier(self) -> ApiToken | None:
        """The token that this form has made before."""
        return ApiToken.objects.filter(pk=self.cleaned_data["pk"]).first()
