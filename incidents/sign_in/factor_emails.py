"""The email to a member of staff whose second factor was changed, so that nobody does it unnoticed."""

from enum import Enum
from typing import Any

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.translation import get_language, gettext, override
from django.utils.translation import gettext_lazy as _

from ..models import Page
from ..wording import page_name
from . import sending


class FactorEvent(Enum):
    SET_UP = _("A second factor was set up for your account “{account}”.")
    REPLACED = _("The second factor of your account “{account}” was replaced.")
    REMOVED = _("The second factor of your account “{account}” was removed.")
    RESET = _("The second factor of your account “{account}” was reset by an administrator.")


def send(user: Any, event: FactorEvent) -> None:
    """Send it after the commit, if the account has an address. A failure is logged."""
    if user.email:
        transaction.on_commit(lambda: _send(user, event), robust=True)


def _send(user: Any, event: FactorEvent) -> None:
    # In all languages of the page, that of the request first: nobody's language is stored.
    codes = [code for code, _name in settings.LANGUAGES]
    current = get_language() or settings.LANGUAGE_CODE
    ordered = sorted(codes, key=lambda code: code != current)
    with override(ordered[0]):
        subject = gettext("Second factor: {page}").format(page=page_name(Page.objects.current().name))
    address = f"{settings.SITE_URL}{reverse('admin:index')}"
    body = "\n\n".join([*(_paragraphs(code, user, event) for code in ordered), address])
    sending.send(account=user.get_username(), addresses=[user.email], subject=subject, body=f"{body}\n")


def _paragraphs(code: str, user: Any, event: FactorEvent) -> str:
    with override(code):
        what = str(event.value).format(account=user.get_username())
        advice = gettext("If you did not expect this, change your password and notify an administrator.")
        return f"{what}\n{advice}"
