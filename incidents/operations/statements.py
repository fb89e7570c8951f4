"""The input of verbs (a statement, an incident's details) and the checks before it is stored.

Errors are Django's ValidationError with one entry per field, so that a form, the API and
the command line can each show them next to the input.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ..models import Incident
from ..status import ComponentStatus, Kind, Phase, impacts_of, phases_of
from ..text import Text

# Clocks differ: a time this far ahead counts as now; one further back than BACKDATED is backdated.
TOLERANCE = timedelta(minutes=1)
BACKDATED = timedelta(minutes=10)


class Details(TypedDict, total=False):
    """The fields of an incident that staff write; missing keys stay unchanged."""

    title: Text
    impact: str
    started_at: datetime
    ended_at: datetime
    next_update_by: datetime | None
    user_impact: Text
    scope: Text
    workaround: Text
    root_cause: Text
    root_cause_status: str
    next_steps: Text
    upstream_name: str
    upstream_url: str
    metadata: dict[str, Any]
    scheduled_for: datetime | None
    scheduled_until: datetime | None
    auto_start: bool
    auto_complete: bool
    remind_week_before: bool
    remind_day_before: bool
    remind_hour_before: bool


def in_utc(value: Any) -> Any:
    """Return a time in UTC, anything else as it is.

    Python compares and subtracts two times of one zone without their offsets, which is wrong when the clocks change.
    """
    return value.astimezone(UTC) if isinstance(value, datetime) else value


@dataclass(frozen=True)
class Window:
    """The planned time of maintenance, in UTC."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class Move:
    """A change of the planned time."""

    before: Window
    after: Window


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One update as written.

    `components` maps component ids to the status that this update gives them; in the opening
    update of an incident that is over already, the status that they had while it lasted.
    `at` is the time that readers see (default: now), `ended_at` the actual end (default: `at`).
    `publish_at` schedules it. `next_update_by` takes effect on publication; None keeps an
    earlier promise that is still ahead. `notify` None means yes, unless it is backdated, or
    opens an incident that was over long before.
    `move` is the planned time that it gives maintenance, and the one before.
    `id` can be chosen in advance, so that a form sent twice is stored once: the second
    attempt raises IntegrityError and changes nothing.
    """

    phase: Phase
    id: str = ""
    text: Text = field(default_factory=Text)
    quote: str = ""
    quote_language: str = ""
    quote_url: str = ""
    components: Mapping[str, ComponentStatus] = field(default_factory=dict)
    at: datetime | None = None
    ended_at: datetime | None = None
    publish_at: datetime | None = None
    notify: bool | None = None
    next_update_by: datetime | None = None
    move: Move | None = None

    def __post_init__(self) -> None:
        for name in ("at", "ended_at", "publish_at", "next_update_by"):
            object.__setattr__(self, name, in_utc(getattr(self, name)))

    def should_notify(self, *, opening: bool) -> bool:
        """Whether subscribers are notified of it. `opening` says whether it makes its incident public."""
        if self.notify is not None:
            return self.notify
        times = [self.at, self.ended_at if opening else None]
        return all(time is None or time > timezone.now() - BACKDATED for time in times)


class Refusals:
    """Collects errors field by field, so that all are shown at once."""

    def __init__(self) -> None:
        self.errors: dict[str, list[str | Promise]] = {}

    def refuse_if(self, wrong: bool, field_name: str, message: str | Promise) -> None:
        if wrong:
            self.errors.setdefault(field_name, []).append(message)

    def stop(self) -> None:
        """Raise ValidationError if there are errors."""
        if self.errors:
            raise ValidationError(self.errors)  # lazy strings are translated when shown


def check_statement(incident: Incident, statement: Statement, *, draft: bool, reopening: bool = False) -> None:
    """Check a statement against its incident. A draft may lack its text. Raises ValidationError by field."""
    now, refusals = timezone.now(), Refusals()
    refusals.refuse_if(
        incident.is_withdrawn and not draft,
        NON_FIELD_ERRORS,
        _("This incident is withdrawn. Publish it again first, or save a draft."),
    )
    foreign = _("This phase belongs to incidents.") if incident.is_maintenance else _("This phase is for maintenance.")
    refusals.refuse_if(statement.phase not in phases_of(Kind(incident.kind)), "phase", foreign)
    refusals.refuse_if(
        not draft and not statement.text and not statement.quote, "text", _("Write the text in at least one language.")
    )
    refusals.refuse_if(
        bool(statement.quote) and not statement.quote_language,
        "quote_language",
        _("Choose the language of the quoted statement."),
    )
    _check_times(incident, statement, now, refusals)
    _check_end(incident, statement, now, refusals)
    _check_order(incident, statement, refusals, reopening=reopening)
    refusals.stop()


def _check_times(incident: Incident, statement: Statement, now: datetime, refusals: Refusals) -> None:
    at = statement.at or now
    refusals.refuse_if(
        statement.publish_at is None and at > now + TOLERANCE,
        "at",
        _("This time is in the future. Schedule the update instead."),
    )
    refusals.refuse_if(
        statement.publish_at is not None and statement.publish_at <= now,
        "publish_at",
        _("This time has passed. Publish now or choose a later time."),
    )
    refusals.refuse_if(
        statement.at is not None and not incident.is_maintenance and at < incident.started_at - TOLERANCE,
        "at",
        _("This is before the incident began. Move its start (“Started”) first."),
    )


def _check_end(incident: Incident, statement: Statement, now: datetime, refusals: Refusals) -> None:
    over_at = statement.ended_at or statement.at or now
    refusals.refuse_if(
        statement.ended_at is not None and not statement.phase.is_final,
        "ended_at",
        _("Only a final update has an end. Choose a final phase, or clear this time."),
    )
    ends = statement.phase.is_final and statement.phase != Phase.CANCELLED
    if ends and (statement.publish_at is None or statement.ended_at is not None):
        refusals.refuse_if(
            over_at < incident.started_at,
            "ended_at" if statement.ended_at else "at",
            _("It cannot be over before it started."),
        )
        refusals.refuse_if(over_at > now + TOLERANCE, "ended_at", _("This time is in the future."))


def _check_order(incident: Incident, statement: Statement, refusals: Refusals, *, reopening: bool) -> None:
    newest = incident.updates.public().newest_first().values_list("at", flat=True).first() if incident.pk else None
    if newest is None:
        return
    # Only `reopen` may go from a final phase back to an open one.
    goes_back = incident.is_over and not statement.phase.is_final and (statement.at is None or statement.at >= newest)
    refusals.refuse_if(
        goes_back and not reopening, "phase", _("The incident is over. Reopen it to go back to this phase.")
    )
    refusals.refuse_if(
        statement.phase.is_final and any(one != ComponentStatus.OPERATIONAL for one in statement.components.values()),
        "components",
        _(
            "What is over affects no component: set them to “Operational”. To record how a component was affected, "
            "post an update with the time of it."
        ),
    )


def check_details(incident: Incident) -> None:
    """Check an incident's fields, alone and together. Raises ValidationError by field."""
    refusals = Refusals()
    refusals.refuse_if(
        incident.impact not in impacts_of(Kind(incident.kind)), "impact", _("Choose one of the impacts of this kind.")
    )
    if incident.is_maintenance:
        missing = incident.scheduled_for is None or incident.scheduled_until is None
        refusals.refuse_if(missing, "scheduled_until", _("Planned maintenance needs a start and an end."))
        refusals.refuse_if(
            not missing and incident.scheduled_until <= incident.scheduled_for,  # type: ignore[operator]
            "scheduled_until",
            _("The planned end must come after the planned start."),
        )
    else:
        refusals.refuse_if(
            incident.started_at > timezone.now() + TOLERANCE,
            "started_at",
            _("This time is in the future. Planned work is a maintenance."),
        )
    refusals.refuse_if(
        incident.ended_at is not None and incident.phase != Phase.CANCELLED and incident.ended_at < incident.started_at,
        "started_at",
        _("It cannot start after it was over."),
    )
    refusals.refuse_if(incident.ended_at is None and incident.is_over, "ended_at", _("It is over: say when it ended."))
    refusals.refuse_if(
        incident.ended_at is not None and not incident.is_over,
        "ended_at",
        _("It is not over. Post a final update to end it."),
    )
    refusals.refuse_if(
        incident.ended_at is not None and incident.ended_at > timezone.now() + TOLERANCE,
        "ended_at",
        _("This time is in the future."),
    )
    refusals.stop()
    incident.full_clean(validate_unique=False, validate_constraints=False)
