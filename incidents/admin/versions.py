"""The versions of a draft or of an incident's details: what changed from each to the next, and between any two."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from ..merging import Snapshot
from ..models import Incident, Update, Version
from ..operations import snapshots
from ..status import Kind
from ..wording import words
from .addresses import incident_page
from .base import NewsroomAdmin
from .bringing_back import statuses_in
from .differences import Part, differences, shortened
from .forms.boxes import boxes_of, label_of, worded
from .forms.components import component_rows
from .forms.details import NAMES, detail_fields
from .forms.fields import MomentField, model_fields
from .forms.statements import StatementForm
from .shared import page, update_of

Fields = dict[str, forms.Field]
# The boxes of a draft beside its texts and components, in the order of the page.
_TIMES = ("next_update_by", "at", "ended_at", "publish_at", "notify")


@dataclass(frozen=True)
class ChangedValue:
    """What changed in one value; `language` is "" unless it is a text."""

    label: str
    language: str
    parts: list[Part]


@dataclass(frozen=True)
class ShownVersion:
    """A version, and what changed since the one before, or what the oldest one contained."""

    version: Version
    is_current: bool
    is_oldest: bool
    changes: list[ChangedValue]


@dataclass(frozen=True)
class Comparison:
    before: Version
    after: Version
    changes: list[ChangedValue]


@dataclass(frozen=True)
class Subject:
    """A draft or the details of an incident: the versions, newest first, what is stored now, and the boxes."""

    versions: list[Version]
    current: Snapshot
    fields: Fields

    def shown(self) -> list[ShownVersion]:
        """Return each version with what changed since the one before."""
        return [
            ShownVersion(version, self._is_current(version), before is None, self._changed(before, version))
            for version, before in zip_longest(self.versions, self.versions[1:])
        ]

    def compared(self, request: HttpRequest) -> Comparison | None:
        """Compare the two versions that the address names by their numbers. Raises Http404."""
        if not {"from", "to"} <= set(request.GET):
            return None
        numbered = {str(version.number): version for version in self.versions}
        try:
            before, after = numbered[request.GET["from"]], numbered[request.GET["to"]]
        except KeyError as unknown:
            raise Http404 from unknown
        return Comparison(before, after, _changes(self.fields, before.snapshot, after.snapshot, short=False))

    def _is_current(self, version: Version) -> bool:
        same = all(version.snapshot.get(key) == value for key, value in self.current.items())
        return version is self.versions[0] and same

    def _changed(self, before: Version | None, after: Version) -> list[ChangedValue]:
        return _changes(self.fields, before.snapshot if before else {}, after.snapshot, short=before is not None)


def draft_versions(admin: NewsroomAdmin, request: HttpRequest, incident_id: str, update_id: str) -> HttpResponse:
    """The versions of a draft, or of an update from when it was a draft."""
    incident = _visible(admin, request, incident_id)
    update = update_of(incident, update_id)
    versions = list(incident.versions.filter(update=update).select_related("saved_by"))
    current = snapshots.of_text(update) if update.is_public else snapshots.of_draft_alone(update)
    step = "correct" if update.is_public else "draft"
    context = {
        "title": _("Versions of the update") if update.is_public else _("Versions of the draft"),
        "update": update,
        "form_address": incident_page(incident, step, update.pk),
    }
    return _page(admin, request, incident, Subject(versions, current, _draft_fields(versions)), context)


def details_versions(admin: NewsroomAdmin, request: HttpRequest, incident_id: str) -> HttpResponse:
    incident = _visible(admin, request, incident_id)
    versions = list(incident.versions.filter(update=None).select_related("saved_by"))
    fields = detail_fields(incident.kind, (*NAMES[Kind(incident.kind)], "ended_at", "next_update_by"))
    context = {"title": _("Versions of the details"), "form_address": incident_page(incident, "details")}
    return _page(admin, request, incident, Subject(versions, snapshots.of_details(incident), fields), context)


def _visible(admin: NewsroomAdmin, request: HttpRequest, incident_id: str) -> Incident:
    incident = get_object_or_404(admin.get_queryset(request), pk=incident_id)
    if not admin.has_view_permission(request, incident):
        raise PermissionDenied
    return incident


def _page(
    admin: NewsroomAdmin, request: HttpRequest, incident: Incident, subject: Subject, context: dict[str, Any]
) -> HttpResponse:
    seen = {
        "subtitle": words(incident.title),
        "incident": incident,
        "may_change": admin.has_change_permission(request, incident),
        "versions": subject.shown(),
        "comparison": subject.compared(request),
    }
    return page(admin, request, "versions", {**context, **seen})


def _changes(fields: Fields, before: Snapshot, after: Snapshot, *, short: bool) -> list[ChangedValue]:
    return list(_each_change(fields, before, after, short=short))


def _each_change(fields: Fields, before: Snapshot, after: Snapshot, *, short: bool) -> Iterator[ChangedValue]:
    for key, box, code in boxes_of(fields):
        old, new = before.get(key, ""), after.get(key, "")
        if old == new:
            continue
        if key == "quote":
            code = after.get("quote_language") or before.get("quote_language") or ""  # noqa: PLW2901
        if not _is_text(box):
            parts = _replaced(box, old, new, is_first=not before)
        elif not before:
            parts = [Part("same", new)]
        else:
            parts = differences(old, new)
        yield ChangedValue(_label(key, box, code), code, shortened(parts) if short else parts)


def _label(key: str, box: forms.Field, code: str) -> str:
    return label_of(box, "" if key == "quote" else code)


def _is_text(box: forms.Field) -> bool:
    return not isinstance(box, MomentField | forms.ChoiceField | forms.BooleanField)


def _replaced(box: forms.Field, old: str, new: str, *, is_first: bool) -> list[Part]:
    # A choice or a time is exchanged as a whole.
    if is_first:
        return [Part("same", worded(box, new))]
    return [Part("removed", worded(box, old)), Part("added", worded(box, new))]


def _draft_fields(versions: list[Version]) -> Fields:
    # Every component that a version names, also one that is hidden by now.
    named = {key: status for version in versions for key, status in statuses_in(version.snapshot).items()}
    own = StatementForm.base_fields
    fields: Fields = {"phase": own["phase"], **model_fields(Update, *snapshots.TEXT_FIELDS)}
    fields |= {row.field_name: row.field() for row in component_rows(named) if row.component.pk in named}
    return fields | {name: own[name] for name in _TIMES}
