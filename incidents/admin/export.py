"""Export of all subscribers, for staff who may see addresses and confirm their password. Each export is logged."""

from typing import Any

from django import forms
from django.contrib.admin import site
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ..subscriptions import limits, tables, transfers
from ..subscriptions.origin import network
from .read_only import sees_addresses

_SHOWN = 10


class PasswordForm(forms.Form):
    """An open or stolen session is not enough to export all addresses."""

    password = forms.CharField(
        label=_("Your password again"),
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        error_messages={"required": _("Write your password.")},
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


def export_view(request: HttpRequest) -> HttpResponseBase:
    if not sees_addresses(request.user):
        raise PermissionDenied
    form = PasswordForm(request.POST or None, user=request.user)
    if request.method == "POST" and form.is_valid():
        return _file(request)
    context = {
        **site.each_context(request),
        "title": gettext("Export subscribers"),
        "form": form,
        "number": tables.exportable().count(),
        "entries": transfers.records()[:_SHOWN],
    }
    return TemplateResponse(request, "admin/newsroom/export.html", context)


def _file(request: HttpRequest) -> StreamingHttpResponse:
    # The table line by line; recorded before the first line is sent.
    name = f"subscribers-{timezone.localdate()}.csv"
    number = tables.exportable().count()
    transfers.record_export(by=request.user, number=number, file=name, network=network(request))  # type: ignore[arg-type]
    return StreamingHttpResponse(
        tables.lines(),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )
