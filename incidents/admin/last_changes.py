"""Who changed something last, and when: for those who changed the same thing at the same time."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Model

from ..models import Incident, Update
from ..staff import audit


@dataclass(frozen=True)
class LastChange:
    """Who changed something, and when (ISO 8601); empty if it is not known."""

    by: str = ""
    at: str = ""


def last_saved(row: Model) -> LastChange:
    """Who saved a row last, according to the audit log. Entries about updates of an incident do not count."""
    last = audit.entries_about(row).first()
    return _change(last.actor, last.at) if last else LastChange()


def last_update(incident: Incident) -> LastChange:
    """Who published the newest update, and when."""
    public = incident.updates.filter(published_at__isnull=False).order_by("-published_at", "-id")
    last = public.select_related("author").first()
    return _change(last.author, last.published_at) if last else LastChange()


def last_edit(draft: Update) -> LastChange:
    """Who saved a draft last."""
    return _change(draft.author, draft.updated_at)


def last_correction(update: Update) -> LastChange:
    last = update.revisions.select_related("replaced_by").first()
    return _change(last.replaced_by, last.replaced_at) if last else _change(update.author, update.published_at)


def _change(by: Any, at: Any) -> LastChange:
    return LastChange(str(by or ""), at.isoformat() if at else "")
