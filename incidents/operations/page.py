"""Verbs on the page itself: its name, zone, brand."""

from typing import Any

from django.db import transaction

from ..models import Page
from ..publishing import stale


@transaction.atomic
def edit_page(*, fields: dict[str, Any]) -> Page:
    """Sets the page up, or changes the fields named; every document shows it. Raises ValidationError by field."""
    page = Page.objects.select_for_update().first() or Page()
    for name, value in fields.items():
        setattr(page, name, value)
    page.full_clean(validate_constraints=False)
    page.save()
    stale.mark_page()
    return page
