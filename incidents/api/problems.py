"""Errors as JSON: problem details (RFC 9457), with the key `error` that clients of Statuspage read."""

import math
from collections.abc import Sequence
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS
from django.http import HttpRequest, JsonResponse
from django.utils.translation import gettext as _

TYPE = "application/problem+json"


class RequestRefused(Exception):
    """A request that is refused with this status, for these reasons."""

    def __init__(self, status: HTTPStatus, *reasons: str, wait: timedelta | None = None) -> None:
        super().__init__(status, *reasons)
        self.status, self.reasons, self.wait = status, reasons, wait


def response(status: HTTPStatus, reasons: Sequence[str], wait: timedelta | None = None) -> JsonResponse:
    """Return the problem. `error` is a list where several fields can be wrong, as in the original."""
    is_list = status == HTTPStatus.UNPROCESSABLE_ENTITY
    body = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": " ".join(reasons),
        "error": list(reasons) if is_list else " ".join(reasons),
    }
    answer = JsonResponse(body, status=status, content_type=TYPE)
    if status == HTTPStatus.UNAUTHORIZED:
        answer["WWW-Authenticate"] = "Bearer"
    if wait is not None:
        answer["Retry-After"] = str(max(1, math.ceil(wait.total_seconds())))
    return answer


def of_problem(_request: HttpRequest, problem: Any) -> JsonResponse:
    return response(problem.status, problem.reasons, problem.wait)


def of_refusal(_request: HttpRequest, refusal: Any) -> JsonResponse:
    """What a verb refuses."""
    return response(HTTPStatus.UNPROCESSABLE_ENTITY, reasons_of(refusal))


def reasons_of(refusal: Any) -> list[str]:
    """Return a sentence per field that a verb refuses, which begins with the name of the field."""
    fields = refusal.message_dict if hasattr(refusal, "error_dict") else {NON_FIELD_ERRORS: refusal.messages}
    return [
        sentence if name == NON_FIELD_ERRORS else f"{name}: {sentence}"
        for name, sentences in fields.items()
        for sentence in sentences
    ]


def of_bad_shape(_request: HttpRequest, error: Any) -> JsonResponse:
    """A field of the wrong type, or a missing one."""
    reasons = [f"{'.'.join(str(part) for part in one['loc'][2:])}: {one['msg']}" for one in error.errors]
    return response(HTTPStatus.UNPROCESSABLE_ENTITY, reasons)


def of_missing(_request: HttpRequest, _error: Any) -> JsonResponse:
    return response(HTTPStatus.NOT_FOUND, [_("There is nothing at this address.")])


def of_missing_right(_request: HttpRequest, _error: Any) -> JsonResponse:
    return response(HTTPStatus.FORBIDDEN, [missing_right()])


def missing_right() -> str:
    return _("The scopes of the token do not allow this.")


def of_limit(_request: HttpRequest, reached: Any) -> JsonResponse:
    return response(HTTPStatus.TOO_MANY_REQUESTS, [_("Too many messages at the moment. Wait.")], reached.wait)
