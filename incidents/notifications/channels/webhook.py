"""The webhook and chat channels: what the response means for the post and for its host."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from http import HTTPStatus

from django.utils.translation import gettext_noop

from ... import guard
from .base import Busy, Gone, Reply, Scope

# Slack's response for a removed webhook, and Teams' for a removed workflow; elsewhere 404 may be temporary.
_GONE_IN_CHATS = frozenset({404, 410})


# RFC 9110 §15, for codes that have no phrase of their own.
_CLASSES = {2: "Successful", 3: "Redirection", 4: "Client Error", 5: "Server Error"}
_NO_LONGER_CALLED = gettext_noop("Addresses like this one are no longer called.")


def deliver(
    url: str, body: bytes, headers: Mapping[str, str], *, is_chat: bool, may_send: Callable[[], bool] = lambda: True
) -> Reply:
    """Send one POST. Return the reply, a 2xx. Raises Gone or Busy; redirects are errors too.

    Of the response only the status code and Retry-After are kept, because anybody can choose
    the server: the text of a reply is ours. A response, or a missing one, says nothing about
    other webhooks on the same host: many share the hosts of the chats, and one could
    otherwise block all of them.
    """
    try:
        response = guard.post(url, body, headers, may_send=may_send)
    except guard.Unanswered as error:
        raise Busy(Reply(0, str(error))) from error
    except guard.Unreachable as error:
        raise Busy(Reply(0, str(error)), Scope.DESTINATION) from error
    except guard.BadUrl as error:  # the operator has closed the network since the subscription
        raise Busy(Reply(0, _NO_LONGER_CALLED), Scope.DESTINATION) from error
    reply = Reply(response.code, _phrase(response.code), timedelta(seconds=response.retry_after or 0))
    if 200 <= response.code <= 299:
        return reply
    if response.code == HTTPStatus.GONE or (is_chat and response.code in _GONE_IN_CHATS):
        raise Gone(reply)
    raise Busy(reply)


def _phrase(code: int) -> str:
    try:
        return HTTPStatus(code).phrase
    except ValueError:
        return _CLASSES[code // 100]
