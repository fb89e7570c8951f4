"""What the pages of a subscription have in common: no cookie, forms that keep their input, links with tokens."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from math import ceil
from typing import Any

from django.conf import settings
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from ..masks import masked
from ..models import Incident, Subscriber
from . import addresses, following, form_stamps, limits, proof
from .limits import Limit, LimitReached
from .service import LinkState

# Of a form that can be sent again at once, with a new stamp.
MIN_WAIT = timedelta(seconds=form_stamps.MIN_SECONDS + 1)


class PublicView(View):
    """Exempt from CSRF tokens: without a cookie there is no session to protect, only tokens and `origin` checks."""

    @classmethod
    def as_view(cls, **kwargs: Any) -> Callable[..., HttpResponseBase]:
        return csrf_exempt(super().as_view(**kwargs))

    def show(self, template: str, status: HTTPStatus = HTTPStatus.OK, **context: Any) -> HttpResponse:
        return render(self.request, f"subscriptions/{template}.html", context, status=status)

    def http_method_not_allowed(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        answer = self.show("wrong_method", HTTPStatus.METHOD_NOT_ALLOWED)
        answer.headers["Allow"] = ", ".join(name.upper() for name in self.http_method_names if hasattr(self, name))
        return answer


class FormView(PublicView):
    """A page with one form that anyone may send."""

    template: str

    def show_form(self, form: Form, status: HTTPStatus = HTTPStatus.OK, **context: Any) -> HttpResponse:
        kept_days = settings.LEFT_ADDRESS_KEPT_DAYS  # the consent text names it
        return self.show(self.template, status, form=form, kept_days=kept_days, **context)

    def refuse(self, form: Form, **context: Any) -> HttpResponse:
        """Show the form again, with its errors and its input."""
        return self.show_form(form, HTTPStatus.UNPROCESSABLE_ENTITY, **context)

    def refuse_other_site(self, form: Form, **context: Any) -> HttpResponse:
        form.add_error(
            None, _("According to your browser, another website sent this form. Press the button here to send it.")
        )
        return self.show_form(form, HTTPStatus.FORBIDDEN, **context)

    def refuse_for_now(self, form: Form, reached: LimitReached, **context: Any) -> HttpResponse:
        """Show the form again with its input, and say when it can be sent (RFC 9110 §10.2.3, RFC 6585 §4).

        The limit has nothing to do with what is known of the address, so that it reveals nothing to say so.
        """
        # Another copy of the form has a new stamp; it is shown now.
        wait = MIN_WAIT if reached.limit == limits.STAMP else max(reached.wait, MIN_WAIT)
        too_many = TooMany(reached.limit, wait)
        answer = self.show_form(form, HTTPStatus.TOO_MANY_REQUESTS, too_many=too_many, **context)
        answer.headers["Retry-After"] = str(ceil(wait.total_seconds()))
        return answer


class FollowFormView(FormView):
    """A form to follow one incident that is not over. An incident that is not public is not found."""

    template = "follow"
    incident: Incident

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        incident = Incident.objects.public().filter(pk=kwargs["incident"]).first()
        if incident is None or incident.is_over:
            return self.show("not_followed", HTTPStatus.GONE if incident else HTTPStatus.NOT_FOUND, incident=incident)
        self.incident = incident
        return super().dispatch(request, *args, **kwargs)

    def show_form(self, form: Form, status: HTTPStatus = HTTPStatus.OK, **context: Any) -> HttpResponse:
        return super().show_form(form, status, incident=self.incident, **context)


@dataclass(frozen=True)
class TooMany:
    """Why a form was not taken, and when it can be sent again."""

    limit: Limit
    wait: timedelta

    @property
    def minutes(self) -> int:
        return ceil(self.wait / timedelta(minutes=1))

    @property
    def hours(self) -> int:
        """Zero for less than two hours."""
        return ceil(self.wait / timedelta(hours=1)) if self.minutes >= 120 else 0

    @property
    def is_of_form(self) -> bool:
        """Whether this copy of the form was sent too often; the other limits are about other people."""
        return self.limit == limits.STAMP

    @property
    def is_of_link(self) -> bool:
        return self.limit in {limits.OWNER, limits.OWNER_LINK}

    @property
    def is_of_network(self) -> bool:
        return self.limit == limits.NETWORK


class TokenView(PublicView):
    """A page that an emailed link opens. Its forms need no CSRF token: only the link's token gives access."""

    broken = "broken_link"

    def proof_token(self) -> str:
        """Return the link's token if it proves who owns the mailbox, else an empty text."""
        token: str = self.kwargs["token"]
        return token if proof.of_link(token) else ""

    def show_broken(self, link_state: LinkState, **context: Any) -> HttpResponse:
        status = HTTPStatus.NOT_FOUND if link_state == LinkState.INVALID else HTTPStatus.GONE
        is_expired = link_state == LinkState.EXPIRED
        return self.show(self.broken, status, expired=is_expired, proof_token=self.proof_token(), **context)


def known(subscriber: Subscriber | None) -> dict[str, Any]:
    """Return what a page may show about a link's subscriber: only the owner recognises the masked address."""
    address = addresses.readable(subscriber.address) if subscriber else ""
    followed = [choice.incident for choice in following.requested_choices(subscriber)] if subscriber else []
    only_follows = subscriber is not None and not (subscriber.wants_incidents or subscriber.wants_maintenance)
    return {"subscriber": subscriber, "address": masked(address), "followed": followed, "only_follows": only_follows}
