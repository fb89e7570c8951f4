"""The page's links to other sites: localized label and address, in the order shown."""

from collections.abc import Sequence
from typing import Any, TypedDict

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.utils.translation import gettext_lazy as _

from ..text import Text

MAX_LINKS = 4

_validate_address = URLValidator(schemes=["http", "https"])


class WebLink(TypedDict):
    label: Text
    address: str


def web_links(stored: Sequence[Any]) -> list[WebLink]:
    return [WebLink(label=Text(link["label"]), address=link["address"]) for link in stored]


def known_links(value: Any) -> None:
    """Refuse too many links, links without a label, and addresses that are not web addresses."""
    try:
        links = web_links(value)
    except (TypeError, KeyError, AttributeError):
        raise ValidationError(_("Write a label and an address for each link."), code="not_links") from None
    if len(links) > MAX_LINKS or not all(link["label"] for link in links):
        raise ValidationError(_("Write a label and an address for each link."), code="not_links")
    for link in links:
        _validate_address(link["address"])
