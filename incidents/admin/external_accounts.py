"""Which accounts elsewhere log in to an account here; staff who may change the account link and unlink them."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ..models import ExternalAccount
from ..sign_in.external_accounts import AlreadyLinked, link_account, unlink_account
from ..sign_in.identities import REMOTE_USER, is_valid_subject
from .shared import actor
from .single_sign_on import provider_name


def _issuers() -> list[tuple[str, str]]:
    configured = [settings.OIDC.issuer, REMOTE_USER if settings.REMOTE_USER_HEADER else ""]
    return [(issuer, provider_name(issuer)) for issuer in configured if issuer]


class LinkForm(forms.Form):
    """`issuer` is where the person logs in."""

    issuer = forms.ChoiceField(label=_("Where the person logs in"), choices=_issuers)
    subject = forms.CharField(
        label=_("Identifier"),
        max_length=255,
        help_text=_("The page that refuses somebody shows it. It is the “subject” of the provider, not the name."),
    )

    def clean_subject(self) -> str:
        subject: str = self.cleaned_data["subject"]
        if not is_valid_subject(subject):
            raise forms.ValidationError(_("Write the identifier in one line."), code="subject")
        return subject


def links_page(request: HttpRequest, site: AdminSite, account: Any) -> HttpResponse:
    """The links of an account. The caller checks the right to change it. `unlink` in a POST is the number of a link."""
    number = request.POST.get("unlink", "")
    if number.isdecimal() and len(number) < 19:
        if unlink_account(by=actor(request), user=account, number=int(number)):
            messages.success(request, gettext("The link is removed, and the sessions of the account are ended."))
        return HttpResponseRedirect(request.path)
    form = LinkForm(request.POST or None)
    if form.is_valid() and _is_linked(request, account, form):
        return HttpResponseRedirect(request.path)
    context = {
        **site.each_context(request),
        "title": gettext("Single sign-on of {account}").format(account=account),
        "account": account,
        "form": form,
        "links": [(link, provider_name(link.issuer)) for link in ExternalAccount.objects.filter(user=account)],
        "is_possible": bool(_issuers()),
    }
    status = 422 if form.errors else 200
    return TemplateResponse(request, "admin/single_sign_on/links.html", context, status=status)


def _is_linked(request: HttpRequest, account: Any, form: LinkForm) -> bool:
    try:
        link_account(by=actor(request), user=account, **form.cleaned_data)
    except AlreadyLinked:
        form.add_error("subject", gettext("This identifier is linked with an account already."))
        return False
    messages.success(request, gettext("The account is linked."))
    return True
