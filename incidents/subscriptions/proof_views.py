"""The pages for the holder of a link from an earlier message; see `proof`."""

from http import HTTPStatus
from typing import Any

from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect

from ..masks import masked
from ..models import Subscriber
from . import addresses, following, limits, proof, service, webhooks
from .base_views import FollowFormView, FormView, known
from .limits import LimitReached
from .proof import Proof
from .proof_forms import FollowAgainForm, NewManageLinkForm, ProofForm, SubscribeAgainForm, WebhookAgainForm
from .service import LinkState


class ProofView(FormView):
    """A form for the holder of a link from an earlier message: the link proves the mailbox, so that none is sent."""

    form: type[ProofForm]
    proof: Proof

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        found = proof.of_link(kwargs["token"])
        if found is None:
            return self.show_broken()
        self.proof = found
        return super().dispatch(request, *args, **kwargs) if self.is_enough() else self.show_broken()

    def is_enough(self) -> bool:
        """Whether the link proves enough for this form."""
        return True

    def get(self, request: HttpRequest, **kwargs: str) -> HttpResponse:
        return self.show_form(self.form(proof=self.proof))

    def post(self, request: HttpRequest, **kwargs: str) -> HttpResponseBase:
        form = self.form(request.POST, proof=self.proof)
        try:
            limits.take_as_owner(subscriber_id=self.proof.subscriber_id)
        except LimitReached as reached:
            return self.refuse_for_now(form, reached)
        return self.act(form) if form.is_valid() else self.refuse(form)

    def show_form(self, form: Form, status: HTTPStatus = HTTPStatus.OK, **context: Any) -> HttpResponse:
        address = masked(addresses.readable(self.proof.address))
        return super().show_form(form, status, is_proved=True, known_address=address, **context)

    def show_broken(self) -> HttpResponse:
        return self.show("broken_link", HTTPStatus.NOT_FOUND)

    def act(self, form: Any) -> HttpResponseBase:
        """Do what a valid form asks for."""
        raise NotImplementedError


class SubscribeAgain(ProofView):
    """Subscribe without a confirmation by email: after leaving by mistake, or with a confirmation link that expired."""

    template = "subscribe"
    form = SubscribeAgainForm

    def is_enough(self) -> bool:
        return self.proof.subscribes or self._is_subscribed()

    def get(self, request: HttpRequest, **kwargs: str) -> HttpResponse:
        return self.show("already_confirmed") if self._is_subscribed() else super().get(request, **kwargs)

    def act(self, form: SubscribeAgainForm) -> HttpResponse:
        link_state, subscriber = service.subscribe_with_proof(
            proof=self.proof, address=form.proved_address, choices=form.choices()
        )
        if link_state == LinkState.USED:
            return self.show("already_confirmed")
        return self.show("confirmed", **known(subscriber)) if subscriber else self.show_broken()

    def _is_subscribed(self) -> bool:
        subscriber = self.proof.subscriber
        return subscriber is not None and subscriber.is_mail and subscriber.state == Subscriber.State.ACTIVE


class FollowAgain(FollowFormView, ProofView):
    """Follow an incident without a confirmation by email, with a confirmation link that expired."""

    form = FollowAgainForm

    def is_enough(self) -> bool:
        return self.proof.is_private

    def act(self, form: FollowAgainForm) -> HttpResponse:
        subscriber = following.follow_with_proof(
            proof=self.proof,
            address=form.proved_address,
            incident=self.incident,
            language=form.cleaned_data["language"],
        )
        return self.show("confirmed", **known(subscriber)) if subscriber else self.show_broken()


class NewManageLink(ProofView):
    """A button that emails a link to the subscription: nothing to type, and outside the budget of strangers."""

    template = "request_manage_link"
    form = NewManageLinkForm

    def act(self, form: NewManageLinkForm) -> HttpResponse:
        try:
            service.send_manage_link_with_proof(proof=self.proof, address=form.proved_address)
        except LimitReached as reached:
            return self.refuse_for_now(form, reached)
        return self.show("manage_link_sent", address=masked(addresses.readable(form.proved_address)))


class ConnectAgain(ProofView):
    """Connect a webhook of the owner of a mailbox without the first email: the next page posts the code."""

    template = "subscribe_webhook"
    form = WebhookAgainForm

    def is_enough(self) -> bool:
        return self.proof.is_private

    def act(self, form: WebhookAgainForm) -> HttpResponseBase:
        subscriber = webhooks.sign_up_with_proof(
            proof=self.proof, url=form.cleaned_data["url"], address=form.proved_address, choices=form.choices()
        )
        if subscriber is None:
            return self.show_broken()
        return redirect("subscriptions:connect", webhooks.connect_token(subscriber))
