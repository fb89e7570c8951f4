"""Emails to members of staff about their own account: a log-in on a new device, a new password, a new address.

They are sent after the commit, in the language in which the person last used the newsroom. A failure is logged and
stops nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, override

from .. import formats
from ..models import Page, StaffSession
from ..wording import page_name
from . import sending


@dataclass(frozen=True)
class _Kind:
    # The name of the template, and the subject in the active language.
    template: str
    subject: Callable[[], str]


_LOG_IN = _Kind("log_in", lambda: gettext("Log-in on a new device: {page}"))
_PASSWORD = _Kind("password", lambda: gettext("Your password was changed: {page}"))
_ADDRESS = _Kind("address", lambda: gettext("Your email address was changed: {page}"))


def send_log_in(session: StaffSession) -> None:
    """Somebody logged in on a device or from a network that they have not used in the last ninety days."""
    _send_after_commit(_LOG_IN, session.user, session, [_address(session.user)])


def send_new_password(user: Any, by: StaffSession | None) -> None:
    """The password was changed in the session `by`."""
    _send_after_commit(_PASSWORD, user, by, [_address(user)])


def send_new_address(user: Any, by: StaffSession | None, *, old: str) -> None:
    """The address was changed in the session `by`; the former one gets the email too."""
    _send_after_commit(_ADDRESS, user, by, [old, _address(user)])


def _address(user: Any) -> str:
    return str(user.email or "")


def _send_after_commit(kind: _Kind, user: Any, by: StaffSession | None, addresses: list[str]) -> None:
    known = [address for address in addresses if address]
    if known:
        transaction.on_commit(lambda: _send(kind, user, by, known), robust=True)


def _send(kind: _Kind, user: Any, by: StaffSession | None, addresses: list[str]) -> None:
    subject, body = _text(kind, user, by)
    sending.send(account=user.get_username(), addresses=addresses, subject=subject, body=body)


def _text(kind: _Kind, user: Any, by: StaffSession | None) -> tuple[str, str]:
    page = Page.objects.current()
    with override(language_of(user)), timezone.override(page.time_zone):
        name = page_name(page.name)
        context = {
            "account": user.get_username(),
            "page": name,
            "at": formats.moment(timezone.now()),
            "by": by,
            "is_own": by is not None and by.user_id == user.pk,
            "sessions": f"{settings.SITE_URL}{reverse('admin:sessions')}",
        }
        return kind.subject().format(page=name), render_to_string(f"sign_in/{kind.template}.txt", context)


def language_of(user: Any) -> str:
    """The language in which a person last used the newsroom."""
    last = StaffSession.objects.of(user).order_by("-last_seen_at").values_list("language", flat=True).first()
    known = {code for code, _name in settings.LANGUAGES}
    return last if last in known else settings.LANGUAGE_CODE
