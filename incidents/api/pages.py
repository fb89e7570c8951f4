"""The page itself: show it, change it."""

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext_noop
from ninja import Router

from .. import operations
from ..models import Page
from . import answers, schemas, shapes
from .answers import as_json, documented
from .idempotency import once
from .requests import actor
from .statements import changed_text

router = Router(tags=["pages"])
_PLAIN = ("company", "address", "website", "contact", "time_zone", "brand_colour")


@router.get("", response=documented(list[answers.ApiPage]), summary=gettext_noop("The page, in a list"))
def pages(request: HttpRequest) -> Any:  # noqa: ARG001 - ninja names it
    return as_json([shapes.page(Page.objects.current())])


@router.get("/{page_id}", response=documented(answers.ApiPage), summary=gettext_noop("The page"))
def page(request: HttpRequest, page_id: str) -> Any:  # noqa: ARG001 - ninja names them
    return as_json(shapes.page(Page.objects.current()))


@router.api_operation(
    ["PATCH", "PUT"],
    "/{page_id}",
    response=documented(answers.ApiPage),
    summary=gettext_noop("Change the settings of the page"),
)
def changed(request: HttpRequest, page_id: str, body: schemas.PageBody) -> Any:  # noqa: ARG001 - ninja names it
    """Fields that the body does not have stay."""

    def change() -> Any:
        fields = _fields(body.page, Page.objects.current())
        return shapes.page(operations.edit_page(fields=fields, by=actor(request)))

    return once(request, HTTPStatus.OK, change)


def _fields(given: schemas.GivenPage, row: Page) -> dict[str, Any]:
    fields: dict[str, Any] = {name: value for name in _PLAIN if (value := getattr(given, name)) is not None}
    if given.name is not None or any(one.name for one in given.translations.values()):
        fields["name"] = changed_text(row.name, given.name, given.translations, "name")
    if given.page_description is not None or any(one.description for one in given.translations.values()):
        fields["introduction"] = changed_text(
            row.introduction, given.page_description, given.translations, "description"
        )
    return fields
