"""The public pages of a subscription: no cookie, no session, and a GET never changes anything.

An invalid form is shown again with its input (422, or 403 if another site sent it);
a link that does not work is explained (404 invalid, 410 expired).
"""

from http import HTTPStatus
from typing import Any

from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect
from django.utils import timezone

from .. import links
from ..links import Purpose
from ..models import Subscriber, SubscriptionRequest
from . import addresses, following, form_stamps, lifecycle, own_data, proof, requests, service
from .base_views import FollowFormView, FormView, TokenView, known
from .forms import AddressForm, FollowForm, SignUpForm, StampedForm
from .limits import LimitReached
from .manage_form import ManageForm
from .origin import is_from_another_site, network
from .service import LinkState

MAX_OTHERS = 50  # of a mailbox, on its page


class StampedFormView(FormView):
    """A form with a stamp whose result is a confirmation email."""

    form: type[StampedForm]

    def get(self, request: HttpRequest, **kwargs: str) -> HttpResponse:
        return self.show_form(self.form(), stamp=form_stamps.new())

    def post(self, request: HttpRequest, **kwargs: str) -> HttpResponse:
        form = self.form(request.POST)
        typed = request.POST.get("stamp", "")
        stamp = typed if form_stamps.is_genuine(typed) else form_stamps.new()
        if is_from_another_site(request):
            return self.refuse_other_site(form, stamp=stamp)
        if not form.is_valid():
            return self.refuse(form, stamp=stamp)
        try:
            requests.store(self.request_of(form), network=network(request), stamp=form.cleaned_data["stamp"])
        except LimitReached as reached:
            return self.refuse_for_now(form, reached, stamp=form_stamps.new())
        return self.show("check_mail", address=addresses.readable(form.cleaned_data["address"]))

    def request_of(self, form: Any) -> SubscriptionRequest:
        """Return the request that a valid form makes."""
        raise NotImplementedError


class SignUp(StampedFormView):
    template = "subscribe"
    form = SignUpForm

    def request_of(self, form: SignUpForm) -> SubscriptionRequest:
        return requests.to_subscribe(form.cleaned_data["address"], form.choices())


class Follow(FollowFormView, StampedFormView):
    form = FollowForm

    def request_of(self, form: FollowForm) -> SubscriptionRequest:
        return requests.to_follow(form.cleaned_data["address"], self.incident, form.cleaned_data["language"])


class RequestManageLink(FormView):
    template = "request_manage_link"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show_form(AddressForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = AddressForm(request.POST)
        if is_from_another_site(request):
            return self.refuse_other_site(form)
        if not form.is_valid():
            return self.refuse(form)
        try:
            requests.store(requests.to_manage(form.cleaned_data["address"]), network=network(request))
        except LimitReached as reached:
            return self.refuse_for_now(form, reached)
        return self.show("manage_link_sent", address=addresses.readable(form.cleaned_data["address"]))


class Confirm(TokenView):
    broken = "broken_confirmation"

    def show_broken(self, link_state: LinkState, **context: Any) -> HttpResponse:
        found = proof.of_link(self.kwargs["token"])
        known_incidents = following.requested_choices(found.subscriber) if found and found.subscriber else ()
        incidents = [choice.incident for choice in known_incidents if not choice.incident.is_over]
        return super().show_broken(link_state, incidents=incidents, **context)

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        return self._answer(*service.check_confirmation_link(token), open_template="confirm")

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        return self._answer(*service.confirm(token=token), open_template="confirmed")

    def _answer(self, link_state: LinkState, subscriber: Subscriber | None, *, open_template: str) -> HttpResponse:
        if subscriber is None:
            return self.show_broken(link_state)
        template = open_template if link_state == LinkState.VALID else "already_confirmed"
        return self.show(template, **known(subscriber))


class Unsubscribe(TokenView):
    """The link in every email, and the URL that an email program posts to on one click (RFC 8058).

    The body of the POST is ignored: the URL identifies the subscription, and an email
    program may send the body in any encoding.
    """

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        link_state, subscriber = service.check_unsubscribe_link(token)
        if link_state != LinkState.VALID or subscriber is None:
            return self._answer(link_state, subscriber, "unsubscribed")
        incident = following.incident_of_link(token)
        single = incident if incident and following.hears_of_more(subscriber, incident) else None
        return self.show("unsubscribe", token=token, single=single, proof_token=self.proof_token(), **known(subscriber))

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        return self._answer(*service.unsubscribe(token=token), "unsubscribed")

    def _answer(self, link_state: LinkState, subscriber: Subscriber | None, template: str) -> HttpResponse:
        if link_state == LinkState.INVALID:
            return self.show_broken(link_state)
        return self.show(template, proof_token=self.proof_token(), **known(subscriber))


class Unfollow(TokenView):
    """The second button on the unsubscribe page: unfollow only the incident that the email was about."""

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        return redirect("subscriptions:unsubscribe", token)

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        incident = following.unfollow(token=token)
        if incident is None:
            return self.show_broken(LinkState.INVALID)
        link_state, subscriber = service.check_unsubscribe_link(token)
        template = "unfollowed" if link_state == LinkState.VALID else "unsubscribed"
        return self.show(template, incident=incident, proof_token=self.proof_token(), **known(subscriber))


class ManageView(TokenView):
    """A page for the owner of an address, opened with a manage link from their mailbox."""

    broken = "broken_manage_link"
    subscriber: Subscriber

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        link_state, subscriber = service.check_manage_link(kwargs["token"])
        if subscriber is None:
            return self.show_broken(link_state)
        self.subscriber = subscriber
        return super().dispatch(request, *args, **kwargs)


class Manage(ManageView):
    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        return self._show(ManageForm.of(self.subscriber))

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        form = ManageForm(request.POST, subscriber=self.subscriber)
        if not form.is_valid():
            return self._show(form, HTTPStatus.UNPROCESSABLE_ENTITY)
        link_state = service.change_choices(
            subscriber=self.subscriber,
            choices=form.choices(),
            paused_until=form.cleaned_data["paused_until"],
            time_zone=form.cleaned_data["time_zone"],
            incidents=form.cleaned_data["incidents"],
        )
        if link_state != LinkState.VALID:
            return self.show_broken(link_state)
        self.subscriber.refresh_from_db()
        return self._show(ManageForm.of(self.subscriber), saved=True)

    def _show(self, form: Form, status: HTTPStatus = HTTPStatus.OK, *, saved: bool = False) -> HttpResponse:
        leave = links.sign(Purpose.UNSUBSCRIBE, self.subscriber.pk)
        token = self.kwargs["token"]
        until = self.subscriber.paused_until
        context = {"form": form, "subscriber": self.subscriber, "token": token, "leave": leave, "saved": saved}
        context["pause_ends"] = until if until and until > timezone.now() else None
        context["others"] = self._others()
        return self.show("manage", status, address=addresses.readable(self.subscriber.address), **context)

    def _others(self) -> list[tuple[str, str]]:
        # Address and manage token of the other subscriptions of this mailbox; no token works longer than this one.
        own = lifecycle.confirmed_subscriptions(self.subscriber.mail_address).exclude(pk=self.subscriber.pk)
        return [
            (addresses.readable(other.address), service.manage_token(other, like=self.kwargs["token"]))
            for other in own[:MAX_OTHERS]
        ]


class Erase(ManageView):
    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        return self.show("erase", token=token, address=addresses.readable(self.subscriber.mail_address))

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        link_state = service.erase(subscriber=self.subscriber)
        return self.show("erased") if link_state == LinkState.VALID else self.show_broken(link_state)


class Data(ManageView):
    """Everything that is stored about a subscriber, as a download (GDPR art. 15 and 20)."""

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        answer = JsonResponse(own_data.export(self.subscriber), json_dumps_params={"ensure_ascii": False, "indent": 2})
        answer.headers["Content-Disposition"] = f'attachment; filename="subscription-{timezone.localdate()}.json"'
        return answer
