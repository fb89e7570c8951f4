"""The form of a rule after which maintenance repeats."""

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ...models import Incident, Page
from ...operations.statements import in_utc
from ...recurrence import LAST, RepeatRule, monthday_in_words, nth_in_words, number_in_month

WEEKLY, MONTHDAY, NTH, LAST_OF_MONTH = "weekly", "monthday", "nth", "last"
DAYS_OF_LAST_WEEK = 7


class DaysField(forms.CharField):
    """Days separated by commas or spaces, each as 2027-12-24."""

    def clean(self, value: Any) -> frozenset[date]:
        words = super().clean(value).replace(",", " ").split()
        try:
            return frozenset(date.fromisoformat(word) for word in words)
        except ValueError as error:
            raise forms.ValidationError(_("Write each day as 2027-12-24.")) from error


class RepeatForm(forms.Form):
    """Offers the rules that the planned start of the maintenance is a day of."""

    pattern = forms.ChoiceField(label=gettext_lazy("Repeats"), widget=forms.RadioSelect)
    weekdays = forms.TypedMultipleChoiceField(
        label=gettext_lazy("On these days, if it repeats weekly"),
        choices=list(WEEKDAYS.items()),
        coerce=int,
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    every = forms.IntegerField(label=gettext_lazy("Interval in weeks or months"), min_value=1, max_value=52, initial=1)
    until = forms.DateField(
        label=gettext_lazy("Last day"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=gettext_lazy("Without one, it repeats until somebody ends the series."),
    )
    excluded = DaysField(
        label=gettext_lazy("Except on"),
        required=False,
        help_text=gettext_lazy("Days such as 2027-12-24, separated by commas."),
    )

    def __init__(self, data: Any = None, *, incident: Incident) -> None:
        self.incident, self.zone = incident, Page.objects.brief().time_zone
        self.start = in_utc(incident.scheduled_for).astimezone(ZoneInfo(self.zone))
        super().__init__(data, initial=self._initial())
        self.fields["pattern"].choices = self._patterns()  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        if given.get("pattern") == WEEKLY and self.start.weekday() not in given.get("weekdays", []):
            said = _("%(day)s is the day of this maintenance, and has to be one of them.")
            self.add_error("weekdays", said % {"day": WEEKDAYS[self.start.weekday()]})
        if self.start.date() in given.get("excluded", ()):
            self.add_error("excluded", _("This is the day of the maintenance itself. Cancel it instead."))
        return given

    def rule(self) -> RepeatRule:
        """The rule of a valid form."""
        given, day = self.cleaned_data, self.start.date()
        choices: dict[str, dict[str, Any]] = {
            WEEKLY: {"weekdays": tuple(sorted(given["weekdays"]))},
            MONTHDAY: {"monthday": day.day},
            NTH: {"weekdays": (day.weekday(),), "nth": number_in_month(day)},
            LAST_OF_MONTH: {"weekdays": (day.weekday(),), "nth": LAST},
        }
        return RepeatRule(
            first_day=day,
            start=self.start.time(),
            duration=self.incident.scheduled_until - self.incident.scheduled_for,  # type: ignore[operator]
            zone=self.zone,
            every=given["every"],
            until=given["until"],
            excluded=given["excluded"],
            **choices[given["pattern"]],
        )

    def _initial(self) -> dict[str, Any]:
        if self.incident.series is None:
            return {"pattern": WEEKLY, "weekdays": [self.start.weekday()], "every": 1}
        rule = self.incident.series.rule
        day = self.start.date()
        monthly = MONTHDAY if rule.monthday else LAST_OF_MONTH if rule.nth == LAST else NTH
        weekdays = rule.weekdays if rule.is_weekly else (day.weekday(),)
        excluded = ", ".join(sorted(one.isoformat() for one in rule.excluded if one > day))
        pattern = WEEKLY if rule.is_weekly else monthly
        return {
            "pattern": pattern, "weekdays": weekdays, "every": rule.every, "until": rule.until, "excluded": excluded
        }  # fmt: skip

    def _patterns(self) -> list[tuple[str, str]]:
        day = self.start.date()
        weekday = WEEKDAYS[day.weekday()]
        number = number_in_month(day)
        found = [(WEEKLY, _("Weekly")), (MONTHDAY, _("Monthly %(on)s") % {"on": monthday_in_words(day.day)})]
        if number != LAST:
            found.append((NTH, _("Monthly %(on)s") % {"on": nth_in_words(number) % {"weekday": weekday}}))
        if is_in_last_week(day):
            found.append((LAST_OF_MONTH, _("Monthly %(on)s") % {"on": nth_in_words(LAST) % {"weekday": weekday}}))
        return found


def is_in_last_week(day: date) -> bool:
    """Whether the same weekday does not come again in its month."""
    after = date.fromordinal(day.toordinal() + DAYS_OF_LAST_WEEK)
    return after.month != day.month
