"""An incident's updates as staff see them: with drafts, who wrote them, and who was told."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Count, Prefetch
from django.utils import timezone

from ..models import AffectedComponent, Announcement, Delivery, DeliveryState, Incident, Update, UpdateRevision


@dataclass(frozen=True)
class Told:
    """An announcement with the number of its deliveries by state."""

    announcement: Announcement
    tally: Counter[str] = field(default_factory=Counter)

    @property
    def is_held(self) -> bool:
        return self.announcement.expanded_at is None and self.announcement.cancelled_at is None

    @property
    def seconds_left(self) -> int:
        """How long staff can still take it back; at least 0."""
        return max(0, round((self.announcement.hold_until - timezone.now()).total_seconds()))

    @property
    def states(self) -> list[tuple[str, str, int]]:
        """State, its label and how many, in the order of the states."""
        return [(one.value, str(one.label), self.tally[one]) for one in DeliveryState if self.tally[one]]


@dataclass(frozen=True)
class Entry:
    update: Update
    told: list[Told]


@dataclass(frozen=True)
class Timeline:
    """Newest first; what is not public yet stands above what is."""

    waiting: list[Entry]
    public: list[Entry]

    @property
    def held(self) -> list[Told]:
        """The announcements that can still be taken back."""
        return [told for entry in self.public for told in entry.told if told.is_held]

    @property
    def newest_at(self) -> datetime | None:
        return self.public[0].update.at if self.public else None


def timeline_of(incident: Incident) -> Timeline:
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
    tallies = tallies_of(announcements)
    entries = [Entry(row, [Told(one, tallies[one.pk]) for one in row.announcements.all()]) for row in rows]
    return Timeline(
        waiting=[entry for entry in entries if not entry.update.is_public],
        public=[entry for entry in entries if entry.update.is_public],
    )


def tallies_of(announcements: Iterable[Announcement]) -> defaultdict[int, Counter[str]]:
    """How many deliveries each announcement has in each state, by its id; one query."""
    tallies: defaultdict[int, Counter[str]] = defaultdict(Counter)
    deliveries = Delivery.objects.filter(announcement__in=[one.pk for one in announcements])
    for key, state, number in deliveries.values_list("announcement_id", "state").annotate(Count("id")).order_by():
        tallies[key or 0][state] = number
    return tallies
