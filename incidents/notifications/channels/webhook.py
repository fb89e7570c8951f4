"""Hands a post to a webhook or a chat, and says what the answer means for it and for its host."""

from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus

from ... import guard
from .base import Busy, Gone, Reply, Scope

# Slack says so of a webhook that was removed, Teams of a workflow; elsewhere 404 may pass.
_GONE_IN_CHATS = frozenset({404, 410})


def deliver(url: str, body: bytes, headers: Mapping[str, str], *, is_chat: bool) -> Reply:
    """One POST. Returns the reply, a 2xx. Raises Gone or Busy; a redirect is an error like any other.

    What the server says in its own words is not kept: a stranger chose the server. Nor does
    an answer, or silence, speak about others on the same host: many share those of the chats,
    and one could keep the news from all.
    """
    try:
        answer = guard.post(url, body, headers)
    except guard.Unanswered as error:
        raise Busy(Reply(0, str(error))) from error
    except (guard.Unreachable, guard.BadUrl) as error:
        raise Busy(Reply(0, str(error)), Scope.DESTINATION) from error
    reply = Reply(answer.code, _phrase(answer.code), timedelta(seconds=answer.retry_after or 0))
    if 200 <= answer.code <= 299:
        return reply
    if answer.code == HTTPStatus.GONE or (is_chat and answer.code in _GONE_IN_CHATS):
        raise Gone(reply)
    raise Busy(reply)


def _phrase(code: int) -> str:
    try:
        return HTTPStatus(code).phrase
    except ValueError:
        return ""
