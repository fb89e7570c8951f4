"""The log-in of staff, with pauses that grow after wrong passwords."""

from datetime import timedelta
from typing import Any

from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from ..formats import duration
from ..subscriptions import limits
from ..subscriptions.origin import network

_ROUND_UP = timedelta(seconds=59)


class LogInForm(AdminAuthenticationForm):
    """Answers a name that nobody has as one that somebody has: with a limit of its own."""

    def clean(self) -> dict[str, Any]:
        name, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if self.request is None or not name or not password:
            return super().clean()
        place = {"name": name, "network": network(self.request)}
        try:
            limits.take_log_in(**place)
        except limits.LimitReached as reached:
            sentence = _("Too many attempts to log in from here. Try again in {time}.")
            wait = duration(reached.wait + _ROUND_UP)
            raise ValidationError(sentence.format(time=wait), code="limit") from reached
        cleaned = super().clean()
        limits.forgive_log_ins(**place)
        return cleaned
