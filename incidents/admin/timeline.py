"""An incident's updates as staff see them: with drafts, authors and announcements."""

from collections import Counter
from dataclasses import dataclass, field

from django.db.models import Count, Prefetch
from django.utils import timezone

from ..models import AffectedComponent, Announcement, DeliveryState, Incident, Update, UpdateRevision
from ..notifications.monitoring import progress
from ..notifications.monitoring.progress import Progress
from .destinations import shown_progress
from .read_only import User


@dataclass(frozen=True)
class AnnouncementRow:
    """An announcement with the number of its deliveries by state."""

    announcement: Announcement
    tally: Counter[str] = field(default_factory=Counter)
    progress: Progress | None = None

    @property
    def is_held(self) -> bool:
        return self.announcement.is_held

    @property
    def seconds_left(self) -> int:
        """The rest of the hold, in seconds; at least 0."""
        return max(0, round((self.announcement.hold_until - timezone.now()).total_seconds()))

    @property
    def states(self) -> list[tuple[str, str, int]]:
        """State, its label and how many, in the order of the states."""
        return [(one.value, str(one.label), self.tally[one]) for one in DeliveryState if self.tally[one]]


@dataclass(frozen=True)
class TimelineEntry:
    update: Update
    announcements: list[AnnouncementRow]
    versions: int = 0


@dataclass(frozen=True)
class Timeline:
    """Newest first; pending updates are above public ones."""

    waiting: list[TimelineEntry]
    public: list[TimelineEntry]
    details_versions: int = 0

    @property
    def held(self) -> list[AnnouncementRow]:
        """The announcements that can still be cancelled."""
        return [row for entry in self.public for row in entry.announcements if row.is_held]


def timeline_of(incident: Incident, *, progress_for: User | None = None) -> Timeline:
    """`progress_for` adds the progress of each announcement, as this member of staff may see it."""
    affected = AffectedComponent.objects.select_related("component").order_by("component__position", "id")
    updates = (
        incident.updates.newest_first()
        .select_related("author", "incident")
        .prefetch_related(
            Prefetch("affected", affected),
            Prefetch("revisions", UpdateRevision.objects.select_related("replaced_by")),
            "announcements",
        )
    )
    rows = list(updates)
    announcements = [one for update in rows for one in update.announcements.all()]
    announced = _progress(announcements, progress_for) if progress_for else _tallies(announcements)
    versions = _version_counts(incident)
    entries = [
        TimelineEntry(row, [announced[one.pk] for one in row.announcements.all()], versions[row.pk]) for row in rows
    ]
    return Timeline(
        waiting=[entry for entry in entries if not entry.update.is_public],
        public=[entry for entry in entries if entry.update.is_public],
        details_versions=versions[None],
    )


def _version_counts(incident: Incident) -> Counter[str | None]:
    # The number of versions of each update, from when it was a draft; and of the details, by None.
    counts = incident.versions.order_by().values_list("update_id").annotate(Count("id"))
    return Counter(dict(counts))


def _tallies(announcements: list[Announcement]) -> dict[int, AnnouncementRow]:
    tallies = progress.counts_by_state(announcements)
    return {one.pk: AnnouncementRow(one, tallies[one.pk]) for one in announcements}


def _progress(announcements: list[Announcement], user: User) -> dict[int, AnnouncementRow]:
    found = shown_progress(user, announcements)
    return {one.announcement.pk: AnnouncementRow(one.announcement, one.counts, one) for one in found}
