"""The pages about the second factor: the code at the log-in, setting one up, and one's own account."""

from typing import Any

import segno
from django.conf import settings
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache

from ..sign_in import factors, recovery, steps, totp, trusted_devices
from ..staff.actors import person
from ..subscriptions.origin import network
from .forms.second_factor import CodeForm, OwnProofForm, ProvenSetUpForm, SetUpForm
from .log_in import remember_device

_TITLES = {
    "codes": _("New recovery codes"),
    "remove": _("Remove the second factor"),
    "forget": _("Forget remembered devices"),
}


def urls(site: AdminSite) -> list[Any]:
    """The addresses; the first two are for those who are not logged in yet, too."""
    pages = SecondFactorPages(site)
    own = [
        path(f"second-factor/{name}/", site.admin_view(pages.change), {"deed": name}, name=f"second_factor_{name}")
        for name in _TITLES
    ]
    return [
        path("second-factor/code/", never_cache(pages.code), name="second_factor_code"),
        path("second-factor/set-up/", never_cache(pages.set_up), name="second_factor_set_up"),
        path("second-factor/", site.admin_view(pages.overview), name="second_factor"),
        *own,
    ]


def reset_page(request: HttpRequest, site: AdminSite, account: Any) -> HttpResponse:
    """Reset the factor of somebody else, who lost it. The caller checks the right to change the account."""
    if account == request.user:
        return redirect("admin:second_factor")
    if request.method == "POST":
        if factors.reset(by=person(request.user, network(request)), user=account):
            messages.success(request, gettext("The second factor of {account} is reset.").format(account=account))
        return redirect("admin:auth_user_change", account.pk)
    title = gettext("Second factor of {account}").format(account=account)
    own = {"title": title, "account": account, "factor": factors.factor_of(account)}
    return TemplateResponse(request, "admin/second_factor/reset.html", {**site.each_context(request), **own})


def _say_codes_left(request: HttpRequest, number: int) -> None:
    sentence = ngettext("%(count)s recovery code is left.", "%(count)s recovery codes are left.", number)
    messages.warning(request, sentence % {"count": number})


class SecondFactorPages:
    def __init__(self, site: AdminSite) -> None:
        self.site = site

    def code(self, request: HttpRequest) -> HttpResponse:
        """The second step of the log-in."""
        pending = steps.pending(request)
        if pending is None or factors.factor_of(pending.user) is None:
            return redirect("admin:login")
        is_recovery = "recovery" in request.GET
        form = CodeForm(request.POST or None, request=request, user=pending.user, recovery=is_recovery)
        if not form.is_valid():
            context = {"title": gettext("Second factor"), "form": form, "recovery": is_recovery}
            return self._page(request, "code", context)
        steps.finish(request, pending.user, pending.backend)
        if is_recovery:
            _say_codes_left(request, recovery.number_left(pending.user))
        response = redirect(pending.target)
        if form.cleaned_data.get("remember"):
            remember_device(response, pending.user)
        return response

    def set_up(self, request: HttpRequest) -> HttpResponse:
        """The key for the app: before the first log-in with a factor, or for somebody who is logged in."""
        if steps.pending(request):
            return self._set_up(request)
        response: HttpResponse = self.site.admin_view(self._set_up)(request)
        return response

    def _set_up(self, request: HttpRequest) -> HttpResponse:
        pending = steps.pending(request)
        user = pending.user if pending else request.user
        has_one = factors.factor_of(user) is not None
        if pending and has_one:
            return redirect("admin:second_factor_code")
        form_class = SetUpForm if pending else ProvenSetUpForm
        secret = steps.new_secret(request)
        form = form_class(request.POST or None, request=request, user=user, secret=secret, replace=not pending)
        if not form.is_valid():
            title = gettext("Replace the second factor") if has_one else gettext("Set up a second factor")
            context = {"title": title, "form": form, "pending": pending, **self._key(request, user, secret)}
            return self._page(request, "set_up", context)
        if pending:
            steps.finish(request, user, pending.backend)
        else:
            steps.confirm(request, user)
        return self._codes(request, form.recovery_codes, pending.target if pending else reverse("admin:second_factor"))

    def overview(self, request: HttpRequest) -> HttpResponse:
        """What somebody's own second factor is, and what can be changed."""
        context = {
            "title": gettext("Second factor"),
            "factor": factors.factor_of(request.user),
            "required": factors.is_required(request.user),
            "codes_left": recovery.number_left(request.user),
            "remember_days": settings.REMEMBER_DEVICE_DAYS,
        }
        return self._page(request, "overview", context)

    def change(self, request: HttpRequest, deed: str) -> HttpResponse:
        """One change of somebody's own factor, after the password or a code."""
        user: Any = request.user
        if factors.factor_of(user) is None or (deed == "remove" and factors.is_required(user)):
            return redirect("admin:second_factor")
        form = OwnProofForm(request.POST or None, request=request, user=user)
        if not form.is_valid():
            return self._page(request, "change", {"title": _TITLES[deed], "deed": deed, "form": form})
        by = person(user, network(request))
        if deed == "codes":
            return self._codes(request, factors.renew_recovery_codes(by=by, user=user), reverse("admin:second_factor"))
        if deed == "remove":
            factors.remove(by=by, user=user)
            messages.success(request, gettext("Your second factor is removed."))
        else:
            trusted_devices.forget(user)
            messages.success(request, gettext("Every device is asked for a code at the next log-in."))
        return redirect("admin:second_factor")

    def _codes(self, request: HttpRequest, codes: list[str], target: str) -> HttpResponse:
        # Shown in the answer to the form: nothing keeps them readable, also no session.
        file = "\n".join([settings.SITE_URL, request.user.get_username(), *codes, ""])
        context = {"title": gettext("Recovery codes"), "codes": codes, "target": target, "file": file}
        return self._page(request, "recovery_codes", context)

    def _page(self, request: HttpRequest, template: str, context: dict[str, Any]) -> TemplateResponse:
        form = context.get("form")
        status = 422 if form is not None and form.is_bound else 200
        context = {**self.site.each_context(request), **context}
        return TemplateResponse(request, f"admin/second_factor/{template}.html", context, status=status)

    def _key(self, request: HttpRequest, user: Any, secret: str) -> dict[str, str]:
        issuer = str(self.site.each_context(request)["site_header"])
        address = totp.address(secret, account=user.get_username(), issuer=issuer)
        code = segno.make(address, error="m", micro=False)
        picture = code.svg_data_uri(dark="#000", light="#fff", border=4, scale=4)
        return {"secret": totp.in_groups(secret), "picture": picture, "address": address}
