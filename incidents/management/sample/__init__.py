"""The sample page for demonstrations and tests, loaded from the TOML files in this folder.

A time in the files is either fixed (a date and time in the page's zone) or relative to
the time of loading: `{ days_ago = 6, time = 09:20:00 }`, `{ minutes_ago = 70 }`, and
likewise `days_ahead` and `minutes_ahead`. Each paragraph is one line, because the page
keeps the line breaks of Markdown.
"""

import tomllib
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from ...models import Component, ComponentGroup, Incident, Page
from ...operations import Statement, open_incident, post_update, schedule_maintenance
from ...publishing import stale
from ...staff.actors import command
from ...status import ComponentStatus, Kind, Phase
from ...text import Text

BY = command("load_sample")
FOLDER = Path(__file__).parent
Raw = dict[str, Any]

_DETAILS = frozenset({"user_impact", "scope", "workaround", "root_cause", "next_steps"})
_TEXTS = _DETAILS | {"name", "introduction", "description", "title", "text"}
_TIMES = frozenset({"started_at", "ended_at", "scheduled_for", "scheduled_until", "next_update_by", "at"})


class AlreadyInUse(Exception):
    """The page has content already; the sample must not be mixed with it."""


@transaction.atomic
def load() -> Counter[str]:
    """Store the sample page in one transaction and return how much was stored. Raises AlreadyInUse.

    No subscriber is notified.
    """
    if any(model.objects.exists() for model in (Page, ComponentGroup, Component, Incident)):
        raise AlreadyInUse
    raw = _read(FOLDER / "page.toml")
    sample = _Sample(Page(), timezone.now())
    with timezone.override(raw["page"]["time_zone"]):
        sample.store_page(raw)
        sample.store_incidents()
        stale.mark_page()
    return sample.counts


class _Sample:
    def __init__(self, page: Page, now: datetime) -> None:
        self.page = page
        self.now = now
        self.zone = ZoneInfo("UTC")
        self.components: dict[str, str] = {}  # slug -> id
        self.counts: Counter[str] = Counter()

    def store_page(self, raw: Raw) -> None:
        self.page = Page(**self.fields(raw["page"]))
        self.page.full_clean()
        self.page.save()
        self.zone = ZoneInfo(self.page.time_zone)
        for position, group in enumerate(raw["groups"], start=1):
            self.store_group(position, group, raw["in_service_since"])

    def store_group(self, position: int, raw: Raw, since: Any) -> None:
        group = ComponentGroup.objects.create(position=position, name=self.value("name", raw["name"]))
        for place, fields in enumerate(raw["components"], start=1):
            component = Component(group=group, position=place, start_date=since, **self.fields(fields))
            component.full_clean()
            component.save()
            self.components[component.slug] = component.id
            self.counts["components"] += 1

    def store_incidents(self) -> None:
        """Store the oldest first, so that each update changes the components from their state at its time."""
        for fields, statements in sorted(self.incidents(), key=lambda incident: incident[1][0].at or self.now):
            kind = fields.pop("kind", Kind.INCIDENT)
            verb = schedule_maintenance if kind == Kind.MAINTENANCE else open_incident
            incident = verb(details=fields, statement=statements[0], by=BY)  # type: ignore[arg-type]  # Details, from a file
            for statement in statements[1:]:
                post_update(incident=incident, statement=statement, by=BY)
            self.counts["maintenances" if kind == Kind.MAINTENANCE else "incidents"] += 1
            self.counts["updates"] += len(statements)

    def incidents(self) -> Iterator[tuple[Raw, list[Statement]]]:
        """Yield the fields and statements of each incident that has text in a language of the page."""
        for path in sorted(FOLDER.glob("incidents/*.toml")):
            raw = _read(path)
            statements = [self.statement(update) for update in raw.pop("updates")]
            fields = self.fields(raw)
            if fields["title"]:
                yield fields, statements

    def statement(self, raw: Raw) -> Statement:
        fields = self.fields(raw)
        fields["phase"] = Phase(raw["phase"])
        fields["components"] = {
            self.components[slug]: ComponentStatus(status) for slug, status in raw.get("components", {}).items()
        }
        return Statement(**fields, notify=False)

    def fields(self, raw: Raw) -> Raw:
        return {name: self.value(name, value) for name, value in raw.items()}

    def value(self, name: str, value: Any) -> Any:
        if name in _TIMES:
            return self.moment(value)
        if name in _TEXTS:
            return Text({code: value[code] for code, _name in settings.LANGUAGES if code in value})
        return value

    def moment(self, value: datetime | Raw) -> datetime:
        if isinstance(value, datetime):
            return value.replace(tzinfo=self.zone)
        if "time" not in value:
            minutes = value.get("minutes_ahead", 0) - value.get("minutes_ago", 0)
            return (self.now + timedelta(minutes=minutes)).replace(second=0, microsecond=0)
        today = self.now.astimezone(self.zone).date()
        day = today + timedelta(days=value.get("days_ahead", 0) - value.get("days_ago", 0))
        return datetime.combine(day, value["time"], self.zone)


def _read(path: Path) -> Raw:
    return tomllib.loads(path.read_text(encoding="utf-8"))
