"""The section `page`: the settings of the page. The logo is a picture and not in the file."""

from collections.abc import Mapping
from typing import Any

from incidents import operations
from incidents.models import Page
from incidents.staff.actors import Actor

from .fields import Links, Single, Words
from .sections import FileSection, Row


class PageSection(FileSection):
    name = "page"
    model = Page
    fields = {
        "name": Words(single_line=True),
        "introduction": Words(),
        "company": Single(),
        "address": Single(),
        "website": Single(),
        "contact": Single(),
        "time_zone": Single(),
        "brand_colour": Single(),
        "logo_text": Words(single_line=True),
        "links": Links(),
    }
    has_position = False

    def tables(self, raw: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"": raw}

    def stored(self) -> list[Row]:
        return [Row("", page, self.leaves_of(page)) for page in Page.objects.all()]

    def add(self, key: str, values: dict[str, Any], by: Actor) -> None:
        operations.edit_page(fields=values, by=by)

    def edit(self, row: Page, key: str, values: dict[str, Any], by: Actor) -> None:
        operations.edit_page(fields=values, by=by)
