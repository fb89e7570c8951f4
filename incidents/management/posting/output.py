"""What the commands print: one line of what was done and what follows, tables, and one incident."""

from collections.abc import Iterable, Iterator

from django.conf import settings
from django.utils import timezone

from incidents import links
from incidents.api import shapes
from incidents.formats import short_moment, time_of_day
from incidents.labels import COMPONENT_STATUSES, IMPACTS, PHASES
from incidents.models import Announcement, Incident, StaleSubject, Update
from incidents.notifications.reach import reach
from incidents.status import ComponentStatus, Impact, Phase
from incidents.wording import words

from .rehearsal import translation_missing


def done(update: Update, what: str, *, notifies: bool) -> Iterator[str]:
    """Yield what was done, where readers see it, who is notified when, and how to cancel that."""
    incident = update.incident
    yield f"{what}: {incident.pk} “{words(incident.title)}”, {PHASES[Phase(update.phase)]}"
    if not update.is_public:
        yield f"It is a draft. To publish it: manage.py {incident.kind} publish {incident.pk}"
        return
    yield links.absolute(links.incident(incident.pk, settings.LANGUAGE_CODE))
    if notifies:
        yield from _announced(update)
    else:
        yield "Subscribers are not notified."


def _announced(update: Update) -> Iterator[str]:
    incident = update.incident
    held = Announcement.objects.held_for_all(update).first()
    if held is None:
        yield "Subscribers are being notified."
        return
    seconds = max(int((held.hold_until - timezone.now()).total_seconds()), 0)
    when = f"at {time_of_day(held.hold_until)}, in {seconds} s" if seconds else "now"
    yield f"Subscribers are notified {when}. {reach(incident.kind, [], incident)}"
    if seconds:
        yield f"To cancel until then: manage.py {incident.kind} undo {incident.pk}"


def warnings(update: Update) -> Iterator[str]:
    """Yield what is likely an oversight, and whether the page is behind."""
    for code, _name in settings.LANGUAGES:
        if any(text and code not in text for text in (update.incident.title, update.text)):
            yield translation_missing(code)
    if update.is_public and StaleSubject.objects.unshown().exists():
        yield "The page does not show everything yet; the scheduler publishes it. If not: manage.py doctor"


def table(rows: Iterable[Incident]) -> Iterator[str]:
    """Yield a line for each incident."""
    cells = [_cells(row) for row in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(4)] if cells else []
    for line in cells:
        yield "  ".join([*(cell.ljust(width) for cell, width in zip(line[:4], widths, strict=True)), line[4]])
    if not cells:
        yield "None."


def _cells(row: Incident) -> list[str]:
    impact = "" if row.is_maintenance else str(IMPACTS[Impact(row.impact)])
    return [row.pk, _state(row), impact, short_moment(row.scheduled_for or row.started_at), words(row.title)]


def _state(row: Incident) -> str:
    label = str(PHASES[Phase(row.phase)])
    if row.is_public:
        return label
    return f"{label} (withdrawn)" if row.is_withdrawn else f"{label} (draft)"


def one(incident: Incident) -> Iterator[str]:
    """Yield everything about an incident that the night shift needs, with its texts in every language."""
    yield from table([incident])
    yield from (f"{code}: {title}" for code, title in incident.title.items())
    if incident.is_public:
        yield links.absolute(links.incident(incident.pk, settings.LANGUAGE_CODE))
    if incident.scheduled_for and incident.scheduled_until:
        yield f"Planned: {short_moment(incident.scheduled_for)} – {short_moment(incident.scheduled_until)}"
    updates = incident.updates.order_by("-at", "-created_at", "-pk").prefetch_related("affected__component")
    for update in updates:
        yield from _update(update)


def _update(update: Update) -> Iterator[str]:
    label = "" if update.is_public else " (scheduled)" if update.is_scheduled else " (draft)"
    yield from ["", f"{short_moment(update.at)}  {PHASES[Phase(update.phase)]}{label}"]
    for row in update.affected.all():
        yield f"  {row.component.slug}: {COMPONENT_STATUSES[ComponentStatus(row.status)]}"
    for code, text in update.text.items():
        first, *others = text.splitlines()
        yield from [f"  {code}: {first}", *(f"      {line}".rstrip() for line in others)]


def as_json(rows: Iterable[Incident]) -> list[shapes.Json]:
    """Return incidents in the format of the API, in this order."""
    listed = list(rows)
    public = Incident.objects.public().filter(pk__in=[row.pk for row in listed])
    found = {shape["id"]: shape for shape in shapes.incidents(public)}
    return [found.get(row.pk) or shapes.incident(row) for row in listed]
