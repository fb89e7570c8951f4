"""Log in with the OpenID provider: to it and back, and what is said when that fails."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from ..sign_in import external_accounts, fresh, oidc, remote_user, sessions, steps
from ..sign_in.external_accounts import Refusal
from ..sign_in.identities import REMOTE_USER, Identity
from ..sign_in.oidc import LogInProblem
from ..subscriptions import limits
from ..subscriptions.origin import network
from .sessions import check_session, current_session, place_of

# The status of the page and what it says.
_PROBLEMS: dict[str, tuple[int, Any]] = {
    LogInProblem.UNREACHABLE: (
        502,
        gettext_lazy("{provider} cannot be reached, or does not answer as it should. Try again in some minutes."),
    ),
    LogInProblem.LOST: (
        400,
        gettext_lazy(
            "This log-in took too long, was used already, or began in another browser. Log in again; if it happens "
            "again, allow cookies for this page."
        ),
    ),
    LogInProblem.DECLINED: (403, gettext_lazy("{provider} did not let you in, or you cancelled.")),
    LogInProblem.INVALID: (
        502,
        gettext_lazy(
            "{provider} sent an answer that is not valid. Log in again; if it happens again, tell those who look "
            "after this page: the set-up or a clock may be wrong."
        ),
    ),
    LogInProblem.NOT_FRESH: (
        403,
        gettext_lazy("{provider} did not say that you have just logged in there. So this page cannot be opened."),
    ),
    Refusal.NO_ROLE: (403, gettext_lazy("Your account at {provider} has no access to this status page.")),
    Refusal.INACTIVE: (403, gettext_lazy("Your account on this status page is not active.")),
    Refusal.NOT_LINKED: (
        403,
        gettext_lazy(
            "There is an account with your name or email address already. It is not linked with your account at "
            "{provider}."
        ),
    ),
}
_BUSY = gettext_lazy("Too many attempts to log in from here. Try again in a minute.")


def urls(site: AdminSite) -> list[Any]:
    """The addresses of the log-in. Both are for those who are not logged in yet, too."""
    pages = SingleSignOnPages(site)
    return [
        path("single-sign-on/", never_cache(require_safe(pages.begin)), name="single_sign_on"),
        path("single-sign-on/callback/", never_cache(require_safe(pages.complete)), name="single_sign_on_callback"),
    ]


def provider_name(issuer: str = "") -> str:
    """Where people log in: the host of the provider, or in words the log-in of a proxy."""
    if issuer == REMOTE_USER:
        return gettext("the company log-in")
    return urlsplit(issuer or settings.OIDC.issuer).hostname or ""


def button_text() -> str:
    """The text of the button, or "" without a provider."""
    if not settings.OIDC.issuer:
        return ""
    return settings.OIDC.label or gettext("Log in with {provider}").format(provider=provider_name())


class SingleSignOnPages:
    def __init__(self, site: AdminSite) -> None:
        self.site = site

    def begin(self, request: HttpRequest) -> HttpResponse:
        """Send the person to the provider. `confirm` asks it for the password again."""
        if not settings.OIDC.issuer:
            raise Http404
        check_session(request)
        if not limits.may_begin_single_sign_on(network=network(request)):
            return self._page(request, 429, str(_BUSY))
        is_confirmation = "confirm" in request.GET and current_session(request) is not None
        try:
            return redirect(oidc.begin(request, target=_target(request), confirm=is_confirmation))
        except oidc.LogInFailed as failed:
            return self._refused(request, failed.problem)

    def complete(self, request: HttpRequest) -> HttpResponse:
        """The person comes back from the provider."""
        if not settings.OIDC.issuer:
            raise Http404
        check_session(request)
        is_own = oidc.has_attempt(request)
        try:
            answer = oidc.complete(request)
        except oidc.LogInFailed as failed:
            if is_own:  # anybody can open this address, and must not fill the audit log
                external_accounts.record_failure(None, network(request))
            return self._refused(request, failed.problem)
        if answer.is_confirmation:
            return self._confirm(request, answer)
        return self.arrive(request, answer.identity, answer.target)

    def arrive(self, request: HttpRequest, identity: Identity, target: str) -> HttpResponse:
        """Log in somebody whom the provider or a proxy vouches for, if they have access."""
        user = external_accounts.let_in(identity, network=network(request))
        if isinstance(user, Refusal):
            external_accounts.record_failure(external_accounts.account_of(identity), network(request))
            return self._refused(request, user, identity)
        _log_in(request, user, identity)
        return redirect(target)

    def arrive_by_proxy(self, request: HttpRequest) -> HttpResponse | None:
        """Log in the person whom a trusted proxy names; None if it names nobody."""
        identity = remote_user.identity_of(request)
        return self.arrive(request, identity, _target(request)) if identity else None

    def _confirm(self, request: HttpRequest, answer: oidc.Arrival) -> HttpResponse:
        # The same person as in the session.
        session = current_session(request)
        if session is None or external_accounts.account_of(answer.identity) != request.user:
            return self._refused(request, LogInProblem.NOT_FRESH)
        fresh.record_confirmation(session=session)
        # As after the password: a key that was stolen before is worth nothing for what follows.
        request.session.cycle_key()
        sessions.record_new_key(session=session, key=request.session.session_key or "")
        messages.success(request, gettext("You have confirmed that it is you."))
        return redirect(answer.target)

    def _refused(self, request: HttpRequest, problem: str, identity: Identity | None = None) -> HttpResponse:
        status, sentence = _PROBLEMS[problem]
        subject = identity.subject if identity and problem in {Refusal.NOT_LINKED, Refusal.NO_ROLE} else ""
        name = provider_name(identity.issuer if identity else "")
        return self._page(request, status, sentence.format(provider=name), subject, name)

    def _page(
        self, request: HttpRequest, status: int, sentence: str, subject: str = "", name: str = ""
    ) -> HttpResponse:
        context = {
            **self.site.each_context(request),
            "title": gettext("The log-in failed"),
            "sentence": sentence,
            "subject": subject,
            "provider": name,
        }
        return TemplateResponse(request, "admin/single_sign_on/refused.html", context, status=status)


def _log_in(request: HttpRequest, user: Any, identity: Identity) -> None:
    """Begin the session of somebody whom single sign-on vouches for, and record it."""
    steps.finish_elsewhere(request, user, identity.issuer, identity.subject)
    key = request.session.session_key or ""
    session = sessions.find_or_record(user=user, key=key, place=place_of(request))
    # Someone may be logged in at the provider for days: only a password typed there counts as fresh.
    since = identity.authenticated_at or session.created_at - fresh.FRESH_FOR
    fresh.record_confirmation(session=session, at=min(since, timezone.now()))


def _target(request: HttpRequest) -> str:
    # Only an address of this site.
    wanted = request.GET.get("next", "")
    is_own = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if is_own else reverse("admin:index")
