"""Subscribers: list, add, end. What somebody is notified of is for them to change."""

from http import HTTPStatus
from typing import Annotated, Any, Literal

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import Count, Q
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from ninja import Query, Router

from .. import operations
from ..identity import canonical
from ..models import Component, Subscriber
from ..models.subscribers import SubscriberQuerySet
from ..staff import rights
from ..subscriptions import addresses
from ..subscriptions.lifecycle import Choices
from . import answers, schemas, shapes
from .answers import as_json, documented
from .idempotency import once
from .incidents import MOST, find
from .problems import RequestRefused
from .requests import actor, needs_to_see_incidents

router = Router(tags=["subscribers"])
_ONE, _LIST = documented(answers.ApiSubscriber), documented(list[answers.ApiSubscriber])
State = Literal["active", "unconfirmed", "quarantined", "all"]
Mode = Literal["email", "webhook", "slack", "teams"]
Limit = Annotated[int, Query(ge=1, le=MOST)]
Number = Annotated[int, Query(ge=1, le=10_000)]


@router.get("/subscribers", response=_LIST, summary=gettext_noop("Subscribers, the newest first"))
def listed(
    request: HttpRequest,
    *,
    q: str = "",
    type: Mode | None = None,  # noqa: A002 - their name
    state: State = "active",
    limit: Limit = MOST,
    page: Number = 1,
) -> Any:
    """`q` searches addresses; without the scope `subscribers`, it finds a whole address only."""
    _needs_to_see(request)
    found = _of(type, state)
    if q.strip():
        exact = Q(canonical_address=canonical(q.strip())) | Q(pk=q.strip())
        found = found.containing(q) if _sees_addresses(request) else found.filter(exact)
    return _page(request, found, limit, page)


@router.get(
    "/subscribers/count",
    response=documented(answers.SubscriberCount),
    summary=gettext_noop("How many subscribers there are"),
)
def count(request: HttpRequest, type: Mode | None = None, state: State = "active") -> Any:  # noqa: A002 - their name
    _needs_to_see(request)
    numbers = dict(_of(type, state).order_by().values_list("channel").annotate(Count("pk")))
    names = answers.SubscriberCount.model_fields
    return as_json({name: numbers.get(name, 0) for name in names})


@router.post(
    "/subscribers",
    response=documented(answers.ApiSubscriber, HTTPStatus.CREATED),
    summary=gettext_noop("Add a subscriber"),
)
def added(request: HttpRequest, body: schemas.SubscriberBody) -> Any:
    """The owner of the address is asked to confirm by email.

    With `skip_confirmation_notification` and `consent`, which says where consent was given, no email is sent.
    """

    def add() -> Any:
        return _shape(request, _add(request, body.subscriber))

    return once(request, HTTPStatus.CREATED, add)


@router.post(
    "/subscribers/unsubscribe",
    response=documented(answers.Changed, HTTPStatus.ACCEPTED),
    summary=gettext_noop("End subscriptions"),
)
def unsubscribed(request: HttpRequest, body: schemas.SubscriberIds) -> Any:
    """`subscribers` are ids, at most 100."""
    by = actor(request)
    by.needs(rights.CHANGE_SUBSCRIBER)
    return once(
        request,
        HTTPStatus.ACCEPTED,
        lambda: {"count": sum(operations.end_subscription(subscriber=row, by=by) for row in _chosen(body))},
    )


@router.post(
    "/subscribers/resend_confirmation",
    response=documented(answers.Changed, HTTPStatus.ACCEPTED),
    summary=gettext_noop("Ask subscribers to confirm again"),
)
def asked_again(request: HttpRequest, body: schemas.SubscriberIds) -> Any:
    """Only those who have not confirmed, and once a day each."""
    by = actor(request)
    by.needs(rights.CHANGE_SUBSCRIBER)
    return once(
        request,
        HTTPStatus.ACCEPTED,
        lambda: {"count": sum(operations.resend_confirmation(subscriber=row, by=by) for row in _chosen(body))},
    )


@router.get("/subscribers/{subscriber_id}", response=_ONE, summary=gettext_noop("One subscriber"))
def one(request: HttpRequest, subscriber_id: str) -> Any:
    _needs_to_see(request)
    return as_json(_shape(request, _find(subscriber_id)))


@router.patch(
    "/subscribers/{subscriber_id}", response=_ONE, summary=gettext_noop("Refused: subscribers choose for themselves")
)
def changed(request: HttpRequest, subscriber_id: str) -> Any:
    """What somebody is notified of is what they agreed to. They change it with the link in each message."""
    actor(request).needs(rights.CHANGE_SUBSCRIBER)
    _find(subscriber_id)
    raise ValidationError(_("Only subscribers change what they are notified of, with the link in each message."))


@router.delete("/subscribers/{subscriber_id}", response=_ONE, summary=gettext_noop("End a subscription"))
def ended(request: HttpRequest, subscriber_id: str) -> Any:
    by = actor(request)
    by.needs(rights.CHANGE_SUBSCRIBER)

    def end() -> Any:
        row = _find(subscriber_id)
        answer = _shape(request, row)
        operations.end_subscription(subscriber=row, by=by)
        return answer

    return once(request, HTTPStatus.OK, end)


@router.get(
    "/incidents/{incident_id}/subscribers", response=_LIST, summary=gettext_noop("Those who follow one incident")
)
def of_incident(request: HttpRequest, incident_id: str, limit: Limit = MOST, page: Number = 1) -> Any:
    """Not those who are notified of everything."""
    needs_to_see_incidents(request)
    _needs_to_see(request)
    choices = find(incident_id).single_choices.followed()
    return _page(request, _of(None, "all").filter(pk__in=choices.values("subscriber")), limit, page)


@router.post(
    "/incidents/{incident_id}/subscribers",
    response=_LIST,
    summary=gettext_noop("Refused: followers sign up themselves"),
)
def follows(request: HttpRequest, incident_id: str) -> Any:
    actor(request).needs(rights.CHANGE_SUBSCRIBER)
    find(incident_id)
    raise ValidationError(_("An incident is followed on its page, by the owner of the address."))


def _add(request: HttpRequest, given: schemas.GivenSubscriber) -> Subscriber:
    by = actor(request)
    by.needs(rights.CHANGE_SUBSCRIBER)
    address, url = _read(given)
    choices = _choices(given)
    if not given.skip_confirmation_notification:
        return operations.add_subscriber(address=address, url=url, choices=choices, by=by)
    if url:
        raise ValidationError({"skip_confirmation_notification": _("The owner of a webhook always confirms.")})
    return operations.add_confirmed_subscriber(address=address, choices=choices, consent=given.consent, by=by)


def _read(given: schemas.GivenSubscriber) -> tuple[str, str]:
    # The address of the email, and of the webhook. Raises ValidationError.
    name = "email"
    try:
        address = addresses.normalise(given.email)
        name = "endpoint"
        return address, addresses.webhook_url(given.endpoint) if given.endpoint else ""
    except ValidationError as error:
        raise ValidationError({name: error}) from error


def _choices(given: schemas.GivenSubscriber) -> Choices:
    language = given.language or settings.LANGUAGE_CODE
    if language not in dict(settings.LANGUAGES):
        raise ValidationError({"language": _("The page has no language “%s”.") % language[:20]})
    chosen = list(Component.objects.public().filter(pk__in=given.component_ids).in_page_order())
    if unknown := sorted(set(given.component_ids) - {row.pk for row in chosen}):
        raise ValidationError({"component_ids": _("There is no component with the id “%s”.") % unknown[0][:40]})
    return Choices(language, components=tuple(chosen))


def _of(mode: str | None, state: str) -> SubscriberQuerySet:
    states = [ours for ours, theirs in shapes.SUBSCRIBER_STATES.items() if state in {theirs, "all"}]
    found = Subscriber.objects.filter(state__in=states)
    return found.filter(channel=mode) if mode else found


def _find(subscriber_id: str) -> Subscriber:
    return get_object_or_404(_of(None, "all"), pk=subscriber_id)


def _chosen(body: schemas.SubscriberIds) -> list[Subscriber]:
    found = list(_of(None, "all").filter(pk__in=body.subscribers).order_by("pk"))
    if unknown := sorted(set(body.subscribers) - {row.pk for row in found}):
        reason = _("There is no subscriber with the id “%s”.") % unknown[0][:40]
        raise RequestRefused(HTTPStatus.UNPROCESSABLE_ENTITY, f"subscribers: {reason}")
    return found


def _page(request: HttpRequest, rows: SubscriberQuerySet, limit: int, page: int) -> Any:
    shown = rows.order_by("-created_at", "-pk").prefetch_related("components")[(page - 1) * limit : page * limit]
    return as_json([_shape(request, row) for row in shown])


def _shape(request: HttpRequest, row: Subscriber) -> answers.Json:
    return shapes.subscriber(row, is_masked=not _sees_addresses(request))


def _needs_to_see(request: HttpRequest) -> None:
    actor(request).needs("incidents.view_subscriber", rights.CHANGE_SUBSCRIBER)


def _sees_addresses(request: HttpRequest) -> bool:
    return actor(request).may(rights.CHANGE_SUBSCRIBER)
