"""Export of all subscribers, for staff who may see addresses and confirm their password. Each export is logged."""

from typing import Any

from django import forms
from django.contrib.admin import site
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ..models import Subscriber
from ..subscriptions import limits, tables
from .read_only import sees_addresses

_SHOWN = 10
# Marks exports in Django's admin log: they are about no single subscriber.
_NO_OBJECT = ""


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
        "entries": _entries()[:_SHOWN],
    }
    return TemplateResponse(request, "admin/newsroom/export.html", context)


def _file(request: HttpRequest) -> StreamingHttpResponse:
    # The table line by line; logged before the first line is sent.
    LogEntry.objects.create(
        user_id=int(request.user.pk or 0),
        content_type=ContentType.objects.get_for_model(Subscriber),
        object_id=_NO_OBJECT,
        object_repr=gettext("All subscribers"),
        action_flag=CHANGE,
        change_message=gettext("Exported %(count)d subscribers.") % {"count": tables.exportable().count()},
    )
    name = f"subscribers-{timezone.localdate()}.csv"
    return StreamingHttpResponse(
        tables.lines(),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


def _entries() -> QuerySet[LogEntry]:
    kind = ContentType.objects.get_for_model(Subscriber)
    found = LogEntry.objects.filter(content_type=kind, object_id=_NO_OBJECT)
    return found.select_related("user").order_by("-action_time")
