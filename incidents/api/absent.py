"""Addresses of the original for what this page does not have: the answer says so, instead of an address not found."""

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Router

from .problems import RequestRefused

NAMES = ("metrics", "metrics_providers", "page_access_users", "page_access_groups", "status_embed_config")

router = Router()


def _refuse(name: str) -> None:
    raise RequestRefused(HTTPStatus.NOT_FOUND, _("This page has no %s.") % name)


def _add(name: str) -> None:
    methods = ["GET", "POST", "PATCH", "PUT", "DELETE"]

    @router.api_operation(methods, f"/{name}", include_in_schema=False)
    def absent(request: HttpRequest) -> Any:  # noqa: ARG001 - ninja names it
        _refuse(name)

    @router.api_operation(methods, f"/{name}/{{path:rest}}", include_in_schema=False)
    def absent_below(request: HttpRequest, rest: str) -> Any:  # noqa: ARG001 - ninja names them
        _refuse(name)


for _name in NAMES:
    _add(_name)
