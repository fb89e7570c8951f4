"""Requests that programs may repeat, with the header Idempotency-Key (draft-ietf-httpapi-idempotency-key-header)."""

import hashlib
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _

from ..models import IdempotentRequest
from .problems import RequestRefused
from .requests import actor

_LONGEST = 255


def once(request: HttpRequest, status: HTTPStatus, do: Callable[[], Any]) -> HttpResponse:
    """Answer with what `do` returns, or with nothing if the status is 204.

    With the same key it is done once, and answered again for a day.

    A repetition waits for the first request. If that is refused, nothing is stored, and the next one is tried.
    """
    key = request.headers.get("Idempotency-Key", "")
    if len(key) > _LONGEST or "\0" in key:
        raise RequestRefused(HTTPStatus.BAD_REQUEST, _("An Idempotency-Key has at most 255 characters."))
    with transaction.atomic():
        answer = _answer_once(request, key, do) if key else do()
        is_empty = status == HTTPStatus.NO_CONTENT
        return HttpResponse(status=status) if is_empty else JsonResponse(answer, status=status, safe=False)


def _answer_once(request: HttpRequest, key: str, do: Callable[[], Any]) -> Any:
    given = f"{request.method} {request.path}\n".encode() + request.body
    digest = hashlib.sha256(given).hexdigest()
    row, is_new = IdempotentRequest.objects.get_or_create(
        token=actor(request).token, key=key, defaults={"digest": digest}
    )
    if row.digest != digest:
        raise RequestRefused(HTTPStatus.UNPROCESSABLE_ENTITY, _("This Idempotency-Key was used for another request."))
    if is_new:
        row.answer = do()
        row.save(update_fields=["answer"])
    return row.answer
