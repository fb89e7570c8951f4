"""Moves of planned work: the update that states the new time, and what follows the time.

Such an update records the planned time before and after in its `report`. Publishing it
moves the maintenance, and undoing it moves it back.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from .. import formats
from ..models import Incident, Page, Update
from ..status import Phase
from ..text import Text
from ..wording import in_each_language
from .report import MOVED
from .statements import Move, Window, in_utc


def window_of(incident: Incident) -> Window | None:
    """Return the planned time; None for an incident."""
    if incident.scheduled_for is None or incident.scheduled_until is None:
        return None
    return Window(in_utc(incident.scheduled_for), in_utc(incident.scheduled_until))


def moved_window(incident: Incident, details: Mapping[str, Any]) -> Window | None:
    """Return the planned time after these details are stored."""
    start = details.get("scheduled_for", incident.scheduled_for)
    end = details.get("scheduled_until", incident.scheduled_until)
    return Window(in_utc(start), in_utc(end)) if start and end else None


def record_move(update: Update, move: Move) -> None:
    """Record on an update that publishing it moves its maintenance. Does not save."""
    sides = {"before": move.before, "after": move.after}
    times = {name: [side.start.isoformat(), side.end.isoformat()] for name, side in sides.items()}
    update.report = {**update.report, MOVED: times}


def move_of(update: Update) -> Move | None:
    times = update.report.get(MOVED)
    return Move(_window(times["before"]), _window(times["after"])) if times else None


def _window(times: list[str]) -> Window:
    start, end = map(datetime.fromisoformat, times)
    return Window(start, end)


def check(update: Update) -> None:
    """Check that the time from which an update moves its maintenance is the current one. Raises ValidationError."""
    move = move_of(update)
    if move and window_of(update.incident) != move.before:
        raise ValidationError(
            _("The maintenance has another planned time since this was written. Discard it, and change the time again.")
        )


def apply(update: Update, incident: Incident) -> None:
    """Move the maintenance to the time that its update states, if it states one. Saves only pending updates."""
    if move := move_of(update):
        _set(incident, move.after)
        follow(incident, move.before, move.after)


def revert(update: Update, incident: Incident) -> None:
    """Move the maintenance back, unless it has been moved again. Saves only pending updates."""
    move = move_of(update)
    if move and window_of(incident) == move.after:
        _set(incident, move.before)
        follow(incident, move.after, move.before)


def _set(incident: Incident, window: Window) -> None:
    incident.scheduled_for, incident.scheduled_until = window.start, window.end
    incident.revised_at = timezone.now()


def follow_edit(incident: Incident, before: Window | None) -> None:
    """Move scheduled updates with the planned time if it was edited."""
    after = window_of(incident)
    if before and after and before != after:
        follow(incident, before, after)


def follow(incident: Incident, before: Window, after: Window) -> None:
    """Move scheduled updates with the planned time: the final one and checks with the end, the others with the start.

    One that would be due already keeps its time.
    """
    now = timezone.now()
    for update in incident.updates.filter(published_at=None, publish_at__isnull=False).order_by("pk"):
        shifted = _shifted(update, before, after)
        if shifted > now and shifted != update.publish_at:
            update.publish_at = shifted
            update.save(update_fields=["publish_at", "updated_at"])


def _shifted(update: Update, before: Window, after: Window) -> datetime:
    with_end = update.phase == Phase.VERIFYING or update.is_final
    shift = after.end - before.end if with_end else after.start - before.start
    planned: datetime = in_utc(update.publish_at)
    return planned + shift


def announced_text(move: Move, text: Text) -> Text:
    """Return in each language of the page the former and the new time, followed by the text of staff."""
    zone = Page.objects.brief().time_zone

    def say(code: str) -> str:
        new = _("New time: %(time)s") % {"time": formats.span(move.after.start, move.after.end)}
        former = _("Former time: %(time)s") % {"time": formats.span(move.before.start, move.before.end)}
        return "\n\n".join([_("The planned time has changed."), f"- {new}\n- {former}", text.get(code, "")])

    with timezone.override(zone):
        return in_each_language(say)
