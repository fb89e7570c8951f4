"""Verbs for the page itself: its name, time zone, brand."""

from typing import Any

from django.core.exceptions import ValidationError

from ..merging import Snapshot
from ..models import Logo, Page
from ..models.logo import logo_from
from ..publishing import stale
from ..staff import rights
from ..staff.actors import Actor
from . import snapshots
from .recording import verb_of_page


@verb_of_page
def edit_page(*, fields: dict[str, Any], by: Actor, opened: Snapshot | None = None) -> Page:
    """Create the page or change the given fields. All documents become stale if any of them changes.

    Raises ValidationError by field, and Collision if its form was opened on other settings.
    """
    by.needs(rights.CHANGE_PAGE if Page.objects.exists() else rights.ADD_PAGE)
    page = Page.objects.select_for_update().first() or Page()
    snapshots.check_unchanged(opened, snapshots.of_page(page))
    before = {name: getattr(page, name) for name in fields}
    for name, value in fields.items():
        setattr(page, name, value)
    page.full_clean(validate_constraints=False)
    if not page._state.adding and before == {name: getattr(page, name) for name in fields}:
        return page  # programs send what there is: nothing needs to be published
    page.save()
    stale.mark_page()
    return page


@verb_of_page
def change_logo(*, content: bytes | None, by: Actor) -> Page:
    """Set the logo (the bytes of a PNG, WebP or JPEG), or remove it with None. Raises ValidationError on `logo`."""
    by.needs(rights.CHANGE_PAGE, rights.ADD_PAGE)
    page = Page.objects.select_for_update().get()
    page.logo = _stored(content) if content is not None else None
    page.save(update_fields=["logo", "updated_at"])
    Logo.objects.exclude(pk=page.logo_id).delete()
    stale.mark_page()
    return page


def _stored(content: bytes) -> Logo:
    try:
        logo = logo_from(content)
    except ValidationError as error:
        raise ValidationError({"logo": error}) from error
    logo.save()
    return logo
