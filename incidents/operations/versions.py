"""Versions of drafts and details: written by the verbs that change them, so that staff can bring them back."""

from django.db.models import QuerySet
from django.utils import timezone

from ..models import Incident, Update, Version
from ..staff.actors import Actor
from . import snapshots

# The newest versions that are kept of one draft, or of the details of one incident.
KEPT = 50


def draft_now(draft: Update) -> Version:
    """Return what a draft contains now, as a version that is not stored."""
    shown = snapshots.of_draft_alone(draft)
    saved = {"saved_at": draft.updated_at, "saved_by_id": draft.author_id}
    return Version(incident=draft.incident, update=draft, snapshot=shown, **saved)


def details_now(incident: Incident) -> Version:
    """Return the details of an incident as they are now, as a version that is not stored.

    Nobody is named as its author: updates change the times of an incident as well.
    """
    return Version(incident=incident, snapshot=snapshots.of_details(incident), saved_at=incident.updated_at)


def record_draft(draft: Update, before: Version | None) -> None:
    """Store what a draft contains now as its newest version. `before` is None for a new draft."""
    _record(before, draft_now(draft))


def record_details(incident: Incident, before: Version, by: Actor) -> None:
    """Store the details of an incident as their newest version, by whom they were changed."""
    after = details_now(incident)
    after.saved_at, after.saved_by_id = timezone.now(), by.user_id
    _record(before, after)


def _record(before: Version | None, after: Version) -> None:
    # What was there before is stored as well if it is no version yet: from before the first change,
    # or changed by another verb. The incident is locked, so that numbers follow each other.
    if before is not None and before.snapshot == after.snapshot:
        return
    stored = _of_same(after)
    newest = stored.first()
    for version in (before, after):
        if version is not None and (newest is None or newest.snapshot != version.snapshot):
            version.number = newest.number + 1 if newest else 1
            version.save()
            newest = version
    if newest is not None:
        stored.filter(number__lte=newest.number - KEPT).delete()


def _of_same(version: Version) -> QuerySet[Version]:
    return Version.objects.filter(incident_id=version.incident_id, update_id=version.update_id)
