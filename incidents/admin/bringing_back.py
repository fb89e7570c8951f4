"""Forms that open with the values of an earlier version. Nothing is stored until their writer saves them."""

import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.utils import timezone

from ..models import Incident, Update, Version
from ..operations.snapshots import TEXT_FIELDS
from ..text import Text
from .addresses import incident_page
from .forms.boxes import boxes_of, is_status
from .forms.components import ComponentRow, with_statuses
from .forms.fields import MomentField
from .forms.opened import OpenedForm

# These lie ahead: one that has passed stays as the form has it.
_AHEAD = {"publish_at", "next_update_by"}


def chosen_version(request: HttpRequest, incident: Incident, update: Update | None = None) -> Version | None:
    """Return the version that `?version=NUMBER` fills a form with; None once the form is sent. Raises Http404."""
    number = request.GET.get("version")
    if number is None or request.method == "POST":
        return None
    known = Version.objects.filter(incident=incident, update=update).select_related("saved_by")
    found = known.filter(number=int(number)).first() if re.fullmatch("[0-9]{1,9}", number) else None
    if found is None:
        raise Http404
    return found


def bring_back(form: OpenedForm, version: Version, needed: Collection[str] = ()) -> None:
    """Fill a form with the values of a version. What the form is opened on stays what is stored now.

    Required boxes, and those in `needed`, are not emptied.
    """
    snapshot = form.by_box(version.snapshot)
    initial: dict[str, Any] = {}
    for key, box, code in boxes_of(form.fields):
        if key not in snapshot or is_status(key):
            continue
        if code:
            name = key.removesuffix(f"_{code}")
            initial[name] = Text({**initial.get(name, {}), code: snapshot[key]})
        elif (snapshot[key] or not (box.required or key in needed)) and _fits(key, box, snapshot[key]):
            initial[key] = _value(box, snapshot[key])
    form.initial = {**form.initial, **initial}


def bring_back_text(form: OpenedForm, version: Version) -> None:
    """The same for the correction of an update that has been published: only what a correction may change."""
    texts = {name for name in version.snapshot if name.startswith(tuple(TEXT_FIELDS))}
    bring_back(form, Version(snapshot={name: version.snapshot[name] for name in texts}))


def bring_back_statuses(rows: list[ComponentRow], version: Version) -> list[ComponentRow]:
    """Return the rows with the statuses of a version instead."""
    return with_statuses(rows, statuses_in(version.snapshot))


def statuses_in(snapshot: Mapping[str, str]) -> dict[str, str]:
    """Return the statuses in the snapshot of a draft, by component."""
    return {key.removeprefix("component-"): status for key, status in snapshot.items() if is_status(key)}


def to_correction(request: HttpRequest, update: Update) -> HttpResponseRedirect:
    """Redirect from the form of a draft that has been published, with the version that it was to show."""
    version = request.GET.get("version")
    address = incident_page(update.incident, "correct", update.pk)
    return HttpResponseRedirect(f"{address}?version={version}" if version and version.isalnum() else address)


def version_count(incident: Incident, update: Update | None = None) -> int:
    return Version.objects.filter(incident=incident, update=update).count()


def _fits(key: str, box: forms.Field, value: str) -> bool:
    # Whether a value can be in this box today.
    if isinstance(box, forms.ChoiceField) and not box.valid_value(value):
        return False
    return not (key in _AHEAD and value and datetime.fromisoformat(value) <= timezone.now())


def _value(box: forms.Field, value: str) -> Any:
    if isinstance(box, MomentField):
        return datetime.fromisoformat(value) if value else None
    return value
