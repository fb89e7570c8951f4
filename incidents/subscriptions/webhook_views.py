"""The pages of a webhook: sign-up, connecting with a code, the signing secret and the log."""

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from ..masks import masked
from ..models import Subscriber, SubscriptionRequest
from . import addresses, requests, webhook_log, webhooks
from .base_views import TokenView
from .forms import WebhookForm
from .service import LinkState
from .views import ManageView, StampedFormView


class WebhookSignUp(StampedFormView):
    template = "subscribe_webhook"
    form = WebhookForm

    def request_of(self, form: WebhookForm) -> SubscriptionRequest:
        return requests.to_connect(form.cleaned_data["address"], form.cleaned_data["url"], form.choices())


class Connect(TokenView):
    """Two buttons: one posts the code to the webhook, the other submits the code that the owner typed."""

    broken = "broken_connection"

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        link_state, subscriber = webhooks.check_connect_link(token)
        if subscriber is None:
            return self.show_broken(link_state)
        return self._show(link_state, subscriber)

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        if "send" in request.POST:
            return self._send(token)
        result = webhooks.connect(token=token, code=request.POST.get("code", ""))
        if result.subscriber is None:
            return self.show_broken(result.link_state)
        if result.link_state == LinkState.VALID and result.is_code_right:
            return self.show("connected", subscriber=result.subscriber, secret=result.secret)
        wrong_code = _("This code is wrong. Enter it exactly as it arrived. After ten attempts, wait an hour.")
        error = "" if result.is_code_right else wrong_code
        return self._show(result.link_state, result.subscriber, error=error)

    def _send(self, token: str) -> HttpResponse:
        link_state, subscriber = webhooks.check_connect_link(token)
        if subscriber is None:
            return self.show_broken(link_state)
        is_sent = webhooks.send_code(token=token)
        refusal = _("The code has been sent several times already. Wait 15 minutes.")
        return self._show(link_state, subscriber, is_sent=is_sent, error="" if is_sent else refusal)

    def _show(
        self, link_state: LinkState, subscriber: Subscriber, *, error: str = "", is_sent: bool = False
    ) -> HttpResponse:
        context: dict[str, Any] = {"webhook": masked(subscriber.address), "error": error, "is_sent": is_sent}
        if link_state == LinkState.USED:
            return self.show("already_connected", **context)
        status = HTTPStatus.UNPROCESSABLE_ENTITY if error else HTTPStatus.OK
        tried = webhooks.log(subscriber)[:3]
        return self.show("connect", status, attempts=tried, code=self.request.POST.get("code", ""), **context)


class WebhookLog(ManageView):
    """The log of attempts; the owner can change the secret and have a post sent again."""

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        return self._show()

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        if "secret" in request.POST:
            return self._show(secret=webhooks.change_secret(subscriber=self.subscriber))
        number = request.POST.get("replay", "")
        is_number = number.isascii() and number.isdigit() and len(number) < 19
        again = is_number and webhooks.replay(subscriber=self.subscriber, delivery_id=int(number))
        return self._show(HTTPStatus.OK if again else HTTPStatus.UNPROCESSABLE_ENTITY, tried=True, again=again)

    def _show(
        self, status: HTTPStatus = HTTPStatus.OK, *, secret: str = "", tried: bool = False, again: bool = False
    ) -> HttpResponse:
        return self.show(
            "webhook_log",
            status,
            token=self.kwargs["token"],
            subscriber=self.subscriber,
            address=addresses.readable(self.subscriber.address),
            attempts=webhook_log.entries(self.subscriber),
            replayable=webhooks.replayable(self.subscriber),
            secret=secret,
            tried=tried,
            again=again,
        )
