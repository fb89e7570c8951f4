"""Forms about the second factor. Each counts wrong entries: five at once, then with growing pauses."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from ...formats import duration
from ...sign_in import factors
from ...sign_in.log_in_counts import LogIn, count_log_in
from ...staff.actors import person
from ...subscriptions import limits
from ...subscriptions.origin import network

_ROUND_UP = timedelta(seconds=59)
_WRONG_CODE = _("This code is not right, or it was used before. Write the code that the app shows now.")
_DIGITS = {"autocomplete": "one-time-code", "inputmode": "numeric", "autocapitalize": "none", "spellcheck": "false"}


def code_field(label: Any) -> forms.CharField:
    return forms.CharField(
        label=label,
        max_length=40,
        widget=forms.TextInput(attrs=_DIGITS),
        error_messages={"required": _("Write the code.")},
    )


class _LimitedForm(forms.Form):
    def __init__(self, *args: Any, request: HttpRequest, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request, self.user = request, user

    def check(self, is_right: Callable[[], bool], sentence: Any) -> None:
        """Take a place in the limits, and only then look at what was typed. Raises ValidationError."""
        place = {"account": str(self.user.pk), "network": network(self.request)}
        try:
            limits.take_second_factor(**place)
        except limits.LimitReached as reached:
            said = _("Too many attempts. Try again in {time}.").format(time=duration(reached.wait + _ROUND_UP))
            raise ValidationError(said, code="limit") from reached
        if not is_right():
            raise ValidationError(sentence, code="wrong")
        limits.forgive_second_factor(**place)


class CodeForm(_LimitedForm):
    """The second step of the log-in: a code of the app, or a recovery code."""

    code = code_field(_("Code"))
    remember = forms.BooleanField(required=False)

    def __init__(self, *args: Any, recovery: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        code, days = self.fields["code"], settings.REMEMBER_DEVICE_DAYS
        code.widget.attrs["autofocus"] = True
        if recovery:
            code.label = _("Recovery code")
            code.widget.attrs |= {"autocomplete": "off", "inputmode": "text"}
        if days:
            label = ngettext_lazy(
                "Do not ask on this device for {days} day", "Do not ask on this device for {days} days", days
            )
            self.fields["remember"].label = label.format(days=days)
        else:
            del self.fields["remember"]

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        try:
            self.check(lambda: factors.accept(user=self.user, code=code, now=timezone.now()), _WRONG_CODE)
        except ValidationError as error:
            count_log_in(LogIn.LIMITED if error.code == "limit" else LogIn.REFUSED)
            raise
        return code


class OwnProofForm(_LimitedForm):
    """An open or stolen session is not enough to change the second factor."""

    proof = forms.CharField(
        label=_("Your password, or a code from the app"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        error_messages={"required": _("Write your password, or a code from the app.")},
    )

    def clean_proof(self) -> str:
        typed: str = self.cleaned_data["proof"]
        self.check(lambda: self._is_proof(typed), _("This is neither your password nor a code that is valid now."))
        return typed

    def _is_proof(self, typed: str) -> bool:
        return self.user.check_password(typed) or factors.accept(user=self.user, code=typed, now=timezone.now())


class SetUpForm(_LimitedForm):
    """The first code of a new app. It shows that the app has the key, and that its clock is right."""

    code = code_field(_("Code that the app shows"))

    def __init__(self, *args: Any, secret: str, replace: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.secret, self.replace = secret, replace
        self.recovery_codes: list[str] = []

    def clean(self) -> dict[str, Any] | None:
        # Not before the other fields are right: this stores the factor.
        code = self.cleaned_data.get("code")
        if code and not self.errors:
            try:
                self.check(lambda: self._is_set_up(code), _WRONG_CODE)
            except ValidationError as error:
                self.add_error("code", error)
        return self.cleaned_data

    def _is_set_up(self, code: str) -> bool:
        try:
            self.recovery_codes = factors.set_up(
                by=person(self.user, network(self.request)),
                user=self.user,
                secret=self.secret,
                code=code,
                replace=self.replace,
                now=timezone.now(),
            )
        except factors.WrongCode:
            return False
        return True


class ProvenSetUpForm(SetUpForm, OwnProofForm):
    """For somebody who is logged in already: with the password, or a code of the earlier app."""

    field_order = ["proof", "code"]
