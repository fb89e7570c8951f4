"""The pages for the holder of a link from an earlier message; see `proof`."""

from http import HTTPStatus
from typing import Any

from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect

from ..masks import masked
from ..models import Subscriber
from . import addresses, limits, proof, service, webhooks
from .base_views import FormView, known
from .limits import LimitReached
from .proof import Proof
from .proof_forms import NewManageLinkForm, SubscribeAgainForm, WebhookAgainForm
from .service import LinkState


class ProofView(FormView):
    """A form for the holder of a link from an earlier message: the link proves the mailbox, so that none is sent."""

    proof: Proof

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        found = proof.of_link(kwargs["token"])
        if found is None:
            return self.show("broken_link", HTTPStatus.NOT_FOUND)
        self.proof = found
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        return self.show_form(self.form_of(None))

    def post(self, request: HttpRequest, token: str) -> HttpResponseBase:
        form = self.form_of(request.POST)
        try:
            limits.take_as_owner(subscriber_id=self.proof.subscriber_id)
        except LimitReached as reached:
            return self.refuse_for_now(form, reached)
        return self.act(form) if form.is_valid() else self.refuse(form)

    def show_form(self, form: Form, status: HTTPStatus = HTTPStatus.OK, **context: Any) -> HttpResponse:
        address = masked(addresses.readable(self.proof.address))
        return super().show_form(form, status, is_proved=True, known_address=address, **context)

    def form_of(self, data: QueryDict | None) -> Any:
        """Return the form, with its input or without."""
        raise NotImplementedError

    def act(self, form: Any) -> HttpResponseBase:
        """Do what a valid form asks for."""
        raise NotImplementedError


class SubscribeAgain(ProofView):
    """Subscribe without a confirmation by email: after leaving by mistake, or with a confirmation link that expired."""

    template = "subscribe"

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        subscriber = self.proof.subscriber
        if subscriber is not None and subscriber.is_mail and subscriber.state == Subscriber.State.ACTIVE:
            return self.show("already_confirmed", **known(subscriber))
        return super().get(request, token)

    def form_of(self, data: QueryDict | None) -> SubscribeAgainForm:
        return SubscribeAgainForm.of(self.proof, data)

    def act(self, form: SubscribeAgainForm) -> HttpResponse:
        link_state, subscriber = service.subscribe_with_proof(
            proof=self.proof, address=form.proved_address, choices=form.choices()
        )
        if subscriber is None:
            return self.show("broken_link", HTTPStatus.NOT_FOUND)
        return self.show("confirmed" if link_state == LinkState.VALID else "already_confirmed", **known(subscriber))


class NewManageLink(ProofView):
    """A button that emails a link to the subscription: nothing to type, and outside the budget of strangers."""

    template = "request_manage_link"

    def form_of(self, data: QueryDict | None) -> NewManageLinkForm:
        return NewManageLinkForm(data, proof=self.proof)

    def act(self, form: NewManageLinkForm) -> HttpResponse:
        service.send_manage_link_with_proof(proof=self.proof, address=form.proved_address)
        return self.show("manage_link_sent", address=masked(addresses.readable(form.proved_address)))


class ConnectAgain(ProofView):
    """Connect a webhook of the owner of a mailbox without the first email: the next page posts the code."""

    template = "subscribe_webhook"

    def form_of(self, data: QueryDict | None) -> WebhookAgainForm:
        return WebhookAgainForm(data, proof=self.proof)

    def act(self, form: WebhookAgainForm) -> HttpResponseBase:
        url = form.cleaned_data["url"]
        subscriber = webhooks.sign_up_with_proof(
            proof=self.proof, url=url, address=form.proved_address, choices=form.choices()
        )
        if subscriber is None:
            return self.show("broken_link", HTTPStatus.NOT_FOUND)
        return redirect("subscriptions:connect", webhooks.connect_token(subscriber))
