"""“Confirm that it is you”: accounts, groups, tokens, page settings and the export of subscribers need a password from
the last fifteen minutes.

The page is shown in place of the one that was asked for, at the same address. A form that was sent is part of it,
so that it arrives once the password is right.
"""

import re
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..sign_in import fresh, sessions, steps
from ..sign_in.identities import REMOTE_USER
from ..subscriptions import limits
from .sessions import current_session
from .single_sign_on import provider_name

# The names of Django's addresses. Lists are included because their actions can delete.
_GUARDED = re.compile(
    r"(?P<app>auth|incidents)_(?P<model>user|group|page|apitoken|subscriber(?=_export$))_\w+",
)
_READ_ONLY = re.compile(r"\w+_(?:changelist|history|sessions)|incidents_apitoken_change")
_PREFIX = "confirm"
# In a POST that contains the password: the method of the request for which it was asked.
_METHOD = f"{_PREFIX}-method"
_NOT_REPEATED = {_METHOD, "csrfmiddlewaretoken"}


class PasswordForm(forms.Form):
    """An open or stolen session is not enough."""

    password = forms.CharField(
        label=gettext_lazy("Your password again"),
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        error_messages={"required": gettext_lazy("Write your password.")},
    )

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if not limits.may_try_password(self.user.pk):
            raise ValidationError(_("Too many wrong passwords. Try again in some minutes."), code="limit")
        if not self.user.check_password(password):
            raise ValidationError(_("This is not your password."), code="password")
        return password


def ask_to_confirm(request: HttpRequest) -> HttpResponse | None:
    """Return the page that asks for the password, or None if the request may go on."""
    session = current_session(request)
    if session is None or not _is_guarded(request):
        return None
    is_answer = request.method == "POST" and _METHOD in request.POST
    issuer, _subject = steps.elsewhere(request) or ("", "")
    # A proxy that authenticates vouches for the person with each request.
    if issuer != REMOTE_USER and not fresh.is_fresh(session, timezone.now()):
        if issuer:
            return _page(request, None)
        form = PasswordForm(request.POST if is_answer else None, user=request.user, prefix=_PREFIX)
        if not is_answer or not form.is_valid():
            return _page(request, form)
        fresh.record_confirmation(session=session)
        # A key that was stolen before is worth nothing for what follows (ASVS 7.2.4).
        request.session.cycle_key()
        sessions.record_new_key(session=session, key=request.session.session_key or "")
    if is_answer and request.POST[_METHOD] != "POST":
        return HttpResponseRedirect(request.get_full_path())
    return None


def _is_guarded(request: HttpRequest) -> bool:
    # Whether the address is one of those above, and this person may do more there than look.
    match = request.resolver_match
    name = (match.url_name if match else "") or ""
    found = _GUARDED.fullmatch(name)
    if found is None or (_READ_ONLY.fullmatch(name) and request.method in {"GET", "HEAD"}):
        return False
    user: Any = request.user
    return any(user.has_perm(f"{found['app']}.{deed}_{found['model']}") for deed in ("add", "change", "delete"))


def _page(request: HttpRequest, form: PasswordForm | None) -> TemplateResponse:
    # Without a form, the person logs in at the provider again.
    method = request.POST.get(_METHOD, request.method)
    context = {
        **admin.site.each_context(request),
        "title": _("Confirm that it is you"),
        "form": form,
        "provider": provider_name(),
        "path": request.get_full_path(),
        "method_name": _METHOD,
        "method": method,
        "sent": _sent(request) if method == "POST" else [],
        "has_files": bool(request.FILES),
    }
    return TemplateResponse(
        request, "admin/newsroom/fresh_log_in.html", context, status=422 if form and form.errors else 200
    )


def _sent(request: HttpRequest) -> list[tuple[str, str]]:
    # The fields of the form that was sent. Passwords are not repeated in a page.
    fields = [(name, value) for name, values in request.POST.lists() for value in values]
    return [(name, str(value)) for name, value in fields if name not in _NOT_REPEATED and "password" not in name]
