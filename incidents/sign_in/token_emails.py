"""Emails to the owner of an API token: it was made, and it expires soon."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, override

from .. import formats
from ..models import ApiToken, Page
from ..staff.scopes import in_words
from ..wording import page_name
from . import emails, sending
from .tokens import is_owner_entitled

_NOTIFIED_BEFORE = timedelta(days=7)


def send_new_token(token: ApiToken, network: str) -> None:
    """Send it after the commit, if the account has an address. `network` is where the token was made, if known."""
    _send_after_commit("new_token", token, network)


def notify_of_expiry(now: datetime) -> int:
    """Notify owners once that a token expires in seven days or less; return for how many tokens."""
    expiring = ApiToken.objects.expiring(now, _NOTIFIED_BEFORE).select_related("created_by")
    return sum(_notify(token, now) for token in expiring if is_owner_entitled(token))


@transaction.atomic
def _notify(token: ApiToken, now: datetime) -> int:
    # The row is changed first, so that several schedulers send one email.
    is_first = ApiToken.objects.filter(pk=token.pk, expiry_notified_at=None).update(expiry_notified_at=now) == 1
    if is_first:
        _send_after_commit("token_expires", token)
    return int(is_first)


def _send_after_commit(template: str, token: ApiToken, network: str = "") -> None:
    if token.created_by and token.created_by.email:
        transaction.on_commit(lambda: _send(template, token, network), robust=True)


def _send(template: str, token: ApiToken, network: str) -> None:
    owner, page = token.created_by, Page.objects.current()
    if owner is None:
        return
    with override(emails.language_of(owner)), timezone.override(page.time_zone):
        name = page_name(page.name)
        is_new = template == "new_token"
        subject = gettext("A new API token: {page}") if is_new else gettext("An API token expires soon: {page}")
        context = {
            "account": owner.get_username(),
            "page": name,
            "token": token,
            "scopes": in_words(token.scopes),
            "expires": formats.moment(token.expires_at),
            "network": network,
            "address": f"{settings.SITE_URL}{reverse('admin:incidents_apitoken_change', args=[token.pk])}",
        }
        body = render_to_string(f"sign_in/{template}.txt", context)
    sending.send(account=owner.get_username(), addresses=[owner.email], subject=subject.format(page=name), body=body)
