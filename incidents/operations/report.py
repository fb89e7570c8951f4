"""The report of an incident in updates: which of its texts were given or changed with an update.

Staff write the report (user impact, scope, workaround, root cause, next steps, planned end) in the
incident's details, and no message is sent about that. So each update records, when it is published, what
differs from the records of the updates that subscribers were notified of before. Emails show what it records.
"""

from typing import Any

from django.db.models import Exists, OuterRef

from ..models import Announcement, Incident, Update
from ..models.updates import UpdateQuerySet
from .statements import in_utc

# The planned time before and after a move, which an update states itself; see `moves`.
MOVED = "moved"
# A text, as {"text": {language: text}}; of the root cause also the status, of the planned end the time.
Entry = dict[str, Any]
_TEXTS = ("user_impact", "scope", "workaround", "next_steps")


def record(update: Update) -> None:
    """Record what was given or changed since the last announced update. Does not save.

    A text that was removed is recorded as empty, so that it counts as given when it is written again.
    """
    incident, known = update.incident, _known(update)
    kept = {MOVED: update.report[MOVED]} if MOVED in update.report else {}
    update.report = kept | {name: entry for name, entry in _entries(incident).items() if entry != known.get(name, {})}
    if "planned_end" in update.report and "planned_end" in known:
        update.report["former_end"] = known["planned_end"]


def record_edit(incident: Incident) -> None:
    """Record an edit of the details on the update whose announcement is still held: its emails will contain it."""
    # One that is being released now is locked, for as long as it takes; then the next update contains the edit.
    held = Announcement.objects.held().select_for_update(skip_locked=True).filter(update__incident=incident)
    updates = {announcement.update_id for announcement in held}
    update = _published(incident).filter(pk__in=updates).order_by("-published_at", "-id").first()
    if update is not None:
        _record_again(update, incident)


def record_correction(update: Update) -> None:
    """Record what the announcement of a correction is to contain. An older update keeps its record."""
    newest = _published(update.incident).order_by("-published_at", "-id").first()
    if newest == update:
        _record_again(update, update.incident)


def _record_again(update: Update, incident: Incident) -> None:
    update.incident = incident
    record(update)
    update.save(update_fields=["report"])


def _published(incident: Incident) -> UpdateQuerySet:
    return Update.objects.filter(incident=incident, published_at__isnull=False)


def _known(update: Update) -> dict[str, Entry]:
    # What subscribers have been notified of with other updates, in the order of publication.
    announced = Announcement.objects.filter(update=OuterRef("pk"), cancelled_at__isnull=True)
    others = _published(update.incident).exclude(pk=update.pk).filter(Exists(announced))
    known: dict[str, Entry] = {}
    for report in others.order_by("published_at", "id").values_list("report", flat=True):
        known |= report
    return known


def _entries(incident: Incident) -> dict[str, Entry]:
    texts = {name: getattr(incident, name) for name in _TEXTS}
    entries: dict[str, Entry] = {name: {"text": dict(text)} if text else {} for name, text in texts.items()}
    cause, end = incident.root_cause, incident.scheduled_until
    entries["root_cause"] = {"text": dict(cause), "status": str(incident.root_cause_status)} if cause else {}
    entries["planned_end"] = {"time": in_utc(end).isoformat()} if end else {}
    return entries
