"""The log-in of staff: the password, with pauses that grow after wrong ones, and then the second factor."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth import get_user_model, login
from django.contrib.auth.views import LoginView
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from ..formats import duration
from ..sign_in import factors, steps, trusted_devices
from ..sign_in.log_in_counts import LogIn, count_log_in
from ..staff import audit
from ..staff.actors import not_logged_in
from ..subscriptions import limits
from ..subscriptions.origin import network

DEVICE_COOKIE = "device"
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
            count_log_in(LogIn.LIMITED)
            sentence = _("Too many attempts to log in from here. Try again in {time}.")
            wait = duration(reached.wait + _ROUND_UP)
            raise ValidationError(sentence.format(time=wait), code="limit") from reached
        try:
            cleaned = super().clean()
        except ValidationError:
            _record_failure(name, place["network"])
            raise
        limits.forgive_log_ins(**place)
        return cleaned


def _record_failure(name: str, origin: str) -> None:
    count_log_in(LogIn.REFUSED)
    account = get_user_model()._default_manager.filter(username=name).first()
    audit.record(not_logged_in(account, origin), "fail_log_in", account)


class LogInView(LoginView):
    """Asks for the second factor after the password, and logs in only those who need none."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not settings.LOCAL_LOG_IN:
            form = self.get_form_class()(request)
            return self.render_to_response(self.get_context_data(form=form), status=403)
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: AdminAuthenticationForm) -> HttpResponse:  # type: ignore[override]  # login_form
        return after_password(self.request, form.get_user(), self.get_success_url())


def after_password(request: HttpRequest, user: Any, target: str) -> HttpResponse:
    """Go on with the second factor, or log in somebody who needs none."""
    factor = factors.factor_of(user)
    if factor is None and not factors.is_required(user):
        login(request, user)
        return redirect(target)
    if factor and trusted_devices.is_remembered(user, request.COOKIES.get(DEVICE_COOKIE, ""), timezone.now()):
        steps.finish(request, user)
        return redirect(target)
    steps.begin(request, user, target)
    return redirect("admin:second_factor_code" if factor else "admin:second_factor_set_up")


def remember_device(response: HttpResponse, user: Any) -> None:
    """Spare this device the code at the next log-ins."""
    response.set_cookie(
        DEVICE_COOKIE,
        trusted_devices.remember(user, timezone.now()),
        max_age=timedelta(days=settings.REMEMBER_DEVICE_DAYS),
        path=reverse("admin:index"),
        secure=settings.HTTPS,
        httponly=True,
        samesite="Lax",
    )
