"""Sessions of staff in the admin: which requests count as use, and the pages that list and end sessions."""

from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.auth import logout
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ..models import StaffSession
from ..sign_in import emails, remote_user, sessions, steps
from ..sign_in.identities import REMOTE_USER
from ..sign_in.sessions import Place
from ..staff import audit
from ..subscriptions.origin import network
from .shared import actor, writer

# Requests that scripts send by themselves. Kept text counts if it has changed.
_POLLED = ("alarms", "publishing", "writers")
_POLLED_ENDINGS = ("_held", "_panel")


def check_session(request: HttpRequest) -> None:
    """Log the person out if their session is over; otherwise record that it is used."""
    if not request.user.is_authenticated or not request.session.session_key:
        return
    if not _is_vouched_for(request):
        logout(request)
        return
    session = sessions.find_or_record(user=request.user, key=request.session.session_key, place=place_of(request))
    if sessions.is_over(session, timezone.now()):
        logout(request)
        return
    cast(Any, request).staff_session = session
    if not _is_polled(request):
        sessions.record_use(session=session)


def _is_vouched_for(request: HttpRequest) -> bool:
    # A proxy that authenticates names the person with every request; who logs out there is logged out here.
    issuer, subject = steps.elsewhere(request) or ("", "")
    identity = remote_user.identity_of(request) if issuer == REMOTE_USER else None
    return issuer != REMOTE_USER or (identity is not None and identity.subject == subject)


def place_of(request: HttpRequest) -> Place:
    return Place(network(request), request.headers.get("User-Agent", ""))


def current_session(request: HttpRequest) -> StaffSession | None:
    """The session of this request, or None before the log-in."""
    return getattr(request, "staff_session", None)


def follow_new_password(request: HttpRequest, person: User) -> None:
    """End other sessions and notify the person, after their password was changed by them or an administrator."""
    own = current_session(request) if person == request.user else None
    sessions.end_others_after_new_password(user=person, session=own, key=request.session.session_key or "")
    audit.record(actor(request), "set_password", person)
    emails.send_new_password(person, current_session(request))


def _is_polled(request: HttpRequest) -> bool:
    name = (request.resolver_match.url_name if request.resolver_match else "") or ""
    if name == "keep_unsaved":
        return request.POST.get("typed") != "yes"
    return name in _POLLED or name.endswith(_POLLED_ENDINGS) or "part" in request.GET


def own_sessions(request: HttpRequest) -> HttpResponse:
    """Where this person is logged in."""
    return sessions_page(request, writer(request))


def sessions_page(request: HttpRequest, person: User) -> HttpResponse:
    """Where a person is logged in. `end` in a POST is the number of a session, or `others`: all but this one."""
    if request.method == "POST":
        _end(request, person, request.POST.get("end", ""))
        return HttpResponseRedirect(request.path)
    is_own = person == request.user
    context = {
        **admin.site.each_context(request),
        "title": _("Where you are logged in") if is_own else _("Where {person} is logged in").format(person=person),
        "person": person,
        "is_own": is_own,
        "current": current_session(request),
        "sessions": StaffSession.objects.of(person).active(timezone.now()),
    }
    return TemplateResponse(request, "admin/newsroom/sessions.html", context)


def _end(request: HttpRequest, user: User, which: str) -> None:
    if which == "others":
        say_ended(request, sessions.end_sessions(user=user, but=current_session(request)))
    elif which.isdecimal() and len(which) < 19 and sessions.end_session(user=user, number=int(which)):
        messages.success(request, _("The session is ended."))
    else:
        messages.info(request, _("This session was over already."))


def say_ended(request: HttpRequest, number: int) -> None:
    """A message that says how many sessions were ended."""
    sentence = ngettext("{number} session is ended.", "{number} sessions are ended.", number)
    messages.success(request, sentence.format(number=number))
