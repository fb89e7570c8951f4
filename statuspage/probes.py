"""Answers for those who watch the service from outside."""

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_rq import get_connection
from redis.exceptions import RedisError


@never_cache
@require_safe
def readyz(_request: HttpRequest) -> JsonResponse:
    """200 if database, queue and public store answer, else 503; the body says which do."""
    parts = {"database": _database(), "queue": _queue(), "public_store": (settings.PUBLIC_ROOT).is_dir()}
    return JsonResponse(parts, status=200 if all(parts.values()) else 503)


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def _queue() -> bool:
    try:
        return bool(get_connection("delivery").ping())
    except RedisError:
        return False
