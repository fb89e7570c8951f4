"""The webhook and chat channels: what the response means for the post and for its host."""

from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus

from ... import guard
from .base import Busy, Gone, Reply, Scope

# Slack's response for a removed webhook, and Teams' for a removed workflow; elsewhere 404 may be temporary.
_GONE_IN_CHATS = frozenset({404, 410})


def deliver(url: str, body: bytes, headers: Mapping[str, str], *, is_chat: bool) -> Reply:
    """Send one POST. Return the reply, a 2xx. Raises Gone or Busy; redirects are errors too.

    The body of the response is not stored, because anybody can choose the server. A
    response, or a missing one, says nothing about other webhooks on the same host: many
    share the hosts of the chats, and one could otherwise block all of them.
    """
    try:
        response = guard.post(url, body, headers)
    except guard.Unanswered as error:
        raise Busy(Reply(0, str(error))) from error
    except (guard.Unreachable, guard.BadUrl) as error:
        raise Busy(Reply(0, str(error)), Scope.DESTINATION) from error
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
        return ""
