"""The statuses of components over time: what is stored equals a model that looks at every minute by itself.

`STATUS_EXAMPLES=300 pytest tests/operations/test_status_model.py` tries more histories.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import Any

import pytest
import time_machine
from django.db import transaction
from hypothesis import HealthCheck, given
from hypothesis import Phase as HypothesisPhase
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from incidents import operations
from incidents.models import Component, Incident, StatusChange, Update
from incidents.operations import Statement
from incidents.status import ComponentStatus, Impact, Phase, worst_of
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import make_component

pytestmark = pytest.mark.django_db

EXAMPLES = int(os.environ.get("STATUS_EXAMPLES", "8"))
# Summer time ends in the middle: 03:00 CEST becomes 02:00 CET at minute 300.
EPOCH = datetime(2026, 10, 24, 20, 0, tzinfo=UTC)
LAST = 600
NAMES = ("mail", "web", "dns")
FAULTS = [ComponentStatus.DEGRADED_PERFORMANCE, ComponentStatus.PARTIAL_OUTAGE, ComponentStatus.MAJOR_OUTAGE]
OPERATIONAL = ComponentStatus.OPERATIONAL


def minute(number: int) -> datetime:
    return EPOCH + timedelta(minutes=number)


@dataclass
class Posting:
    """One update: its minute, its phase, the statuses it gives, and, of a final one, the minute of the end."""

    at: int
    phase: Phase
    components: dict[str, ComponentStatus] = field(default_factory=dict)
    ended: int | None = None


@dataclass
class Scenario:
    """The updates of one incident, and its `outcome`: the last thing that staff do to it."""

    name: str
    start: int
    opening: Posting
    others: list[Posting]
    final: Posting | None = None
    reopening: Posting | None = None
    is_work: bool = False
    moved_start: int | None = None
    moved_end: int | None = None
    outcome: str = "keep"

    # The model: independent of the product, one minute at a time.

    @property
    def public(self) -> list[Posting]:
        """The updates that count in the end, in the order of the timeline."""
        if self.outcome == "withdraw" or (self.outcome == "undo" and self.last is self.opening):
            return []
        postings = [self.opening, *self.others, *filter(None, (self.final, self.reopening))]
        return sorted(
            (one for one in postings if not (self.outcome == "undo" and one is self.last)), key=lambda one: one.at
        )

    @property
    def last(self) -> Posting:
        """The update that was written last."""
        return self.reopening or self.final or (self.others[-1] if self.others else self.opening)

    def status_at(self, now: int, component: str) -> ComponentStatus:
        public = self.public
        if not public:
            return OPERATIONAL
        start, end = self._start(public), self._end(public)
        if start is None or now < start or (end is not None and now >= end):
            return OPERATIONAL
        for one in reversed(public):
            since = self._over(one) if one.phase.is_final else one.at
            if component in one.components and since <= now:
                return OPERATIONAL if one.phase.is_final else one.components[component]
        return self.opening.components.get(component, OPERATIONAL) if self.opening in public else OPERATIONAL

    def _start(self, public: list[Posting]) -> int | None:
        if not self.is_work:
            return self.start if self.moved_start is None else self.moved_start
        return next((one.at for one in public if one.phase in {Phase.IN_PROGRESS, Phase.VERIFYING}), None)

    def _end(self, public: list[Posting]) -> int | None:
        return self._over(public[-1]) if public[-1].phase.is_final else None

    def _over(self, final: Posting) -> int:
        return next(end for end in (self.moved_end, final.ended, final.at) if end is not None)


# Strategies


@st.composite
def incident_scenarios(draw: st.DrawFn, name: str) -> Scenario:
    if draw(st.booleans()) and draw(st.booleans()):
        return draw(maintenance_scenarios(name))
    start = draw(st.integers(0, 400))
    times = sorted(draw(st.sets(st.integers(start, 480), min_size=1, max_size=4)))
    opening, *others = [Posting(at, Phase.IDENTIFIED, draw(statuses([*FAULTS, OPERATIONAL]))) for at in times]
    scenario = Scenario(name, start, opening, others)
    if draw(st.booleans()):
        ended = draw(st.none() | st.integers(start, 500))
        scenario.final = Posting(draw(st.integers(490, 520)), Phase.RESOLVED, draw(statuses([OPERATIONAL])), ended)
        if draw(st.booleans()) and draw(st.booleans()):
            scenario.reopening = Posting(draw(st.integers(530, 560)), Phase.IDENTIFIED, draw(statuses(FAULTS)))
        elif draw(st.booleans()):
            scenario.moved_end = draw(st.integers(start, 560))
    if draw(st.booleans()):
        ends = [start + 60, scenario.moved_end, *([scenario.final.ended, scenario.final.at] if scenario.final else [])]
        scenario.moved_start = draw(st.integers(0, min(end for end in ends if end is not None)))
    scenario.outcome = draw(st.sampled_from(["keep", "keep", "withdraw", "publish_again", "undo", "undo_and_publish"]))
    if scenario.outcome.startswith("undo"):
        scenario.moved_end = None  # what is undone takes its end with it
    if scenario.reopening and scenario.outcome == "undo_and_publish":
        scenario.outcome = "undo"  # a draft does not reopen an incident
    if scenario.outcome == "undo_and_publish" and scenario.moved_start is not None:
        scenario.moved_start = min(scenario.moved_start, start)  # no update may be older than the start
    return scenario


@st.composite
def maintenance_scenarios(draw: st.DrawFn, name: str) -> Scenario:
    planned = draw(st.integers(100, 300))
    under = [ComponentStatus.UNDER_MAINTENANCE, ComponentStatus.MAJOR_OUTAGE]
    opening = Posting(draw(st.integers(0, 90)), Phase.SCHEDULED, draw(statuses(under)))
    scenario = Scenario(name, planned, opening, [], is_work=True)
    if draw(st.booleans()):
        begun = draw(st.integers(100, 400))
        scenario.others = [Posting(begun, Phase.IN_PROGRESS, draw(statuses(under)))]
        if draw(st.booleans()):
            scenario.others.append(Posting(draw(st.integers(begun + 1, 480)), Phase.VERIFYING, draw(statuses(under))))
        if draw(st.booleans()):
            final = draw(st.sampled_from([Phase.COMPLETED, Phase.CANCELLED]))
            scenario.final = Posting(draw(st.integers(490, 520)), final, draw(statuses([OPERATIONAL])))
    elif draw(st.booleans()):
        scenario.final = Posting(draw(st.integers(91, 520)), Phase.CANCELLED)
    scenario.outcome = draw(st.sampled_from(["keep", "withdraw", "publish_again"]))
    return scenario


def statuses(possible: list[ComponentStatus]) -> st.SearchStrategy[dict[str, ComponentStatus]]:
    return st.dictionaries(st.sampled_from(NAMES), st.sampled_from(possible), max_size=len(NAMES))


histories = st.integers(1, 8).flatmap(
    lambda number: st.tuples(*(incident_scenarios(f"i{index}") for index in range(number)))
)
by_hand = st.lists(
    st.tuples(st.integers(0, LAST), st.sampled_from(NAMES), st.sampled_from(list(ComponentStatus))),
    max_size=3,
    unique_by=lambda one: one[0],
)

# The product


class Replay:
    """Calls the verbs of all scenarios, those of different scenarios in any order."""

    def __init__(self, drawn: tuple[Scenario, ...], set_by_hand: list[tuple[int, str, ComponentStatus]]) -> None:
        self.drawn, self.by_hand = drawn, set_by_hand
        self.components = {component.slug: component for component in Component.objects.all()}

    def run(self, random: Random) -> None:
        queues = [self.calls(scenario, random) for scenario in self.drawn]
        queues += [iter([self.hand(*one)]) for one in self.by_hand]
        with time_machine.travel(minute(LAST) + timedelta(hours=1), tick=False) as clock:
            while queues:
                queue = random.choice(queues)
                call = next(queue, None)
                if call is None:
                    queues.remove(queue)
                else:
                    clock.shift(1)
                    call()

    def hand(self, at: int, name: str, status: ComponentStatus) -> Callable[[], Any]:
        component = self.components[name]
        return lambda: operations.set_component_status(by=ANYBODY, component=component, status=status, at=minute(at))

    def calls(self, scenario: Scenario, random: Random) -> Iterator[Callable[[], Any]]:
        yield lambda: self.open(scenario)
        incident = Incident.objects.get(title__en=scenario.name)
        # The last one stays the last, because it may be undone.
        posts = [one for one in (*scenario.others, scenario.final) if one is not None]
        posts = [*random.sample(posts[:-1], len(posts) - 1), posts[-1]] if posts and not scenario.is_work else posts
        for one in posts:
            yield partial(
                operations.post_update, by=ANYBODY, incident=incident, statement=self.statement(scenario, one)
            )
        if scenario.reopening:
            statement = self.statement(scenario, scenario.reopening)
            yield partial(operations.reopen, by=ANYBODY, incident=incident, statement=statement)
        moved = {"started_at": scenario.moved_start, "ended_at": scenario.moved_end}
        if details := {name: minute(at) for name, at in moved.items() if at is not None}:
            yield lambda: operations.edit_incident(by=ANYBODY, incident=incident, details=details)  # type: ignore[arg-type]
        yield from self.outcome(scenario, incident)

    def outcome(self, scenario: Scenario, incident: Incident) -> Iterator[Callable[[], Any]]:
        if scenario.outcome in {"withdraw", "publish_again"}:
            yield lambda: operations.withdraw(by=ANYBODY, incident=incident)
        if scenario.outcome == "publish_again":
            yield lambda: operations.publish_again(by=ANYBODY, incident=incident)
        if scenario.outcome.startswith("undo"):
            last = incident.updates.get(text__en=str(scenario.last.at))
            yield lambda: operations.undo_update(by=ANYBODY, update=last)
            if scenario.outcome == "undo_and_publish":
                yield lambda: operations.publish_draft(by=ANYBODY, update=Update.objects.get(pk=last.pk))

    def open(self, scenario: Scenario) -> None:
        title, statement = Text(da=scenario.name, en=scenario.name), self.statement(scenario, scenario.opening)
        if scenario.is_work:
            window = {"scheduled_for": minute(scenario.start), "scheduled_until": minute(scenario.start + 60)}
            operations.schedule_maintenance(by=ANYBODY, details={"title": title, **window}, statement=statement)  # type: ignore[typeddict-item]
        else:
            details = {"title": title, "impact": Impact.MAJOR, "started_at": minute(scenario.start)}
            operations.open_incident(by=ANYBODY, details=details, statement=statement)  # type: ignore[arg-type]

    def statement(self, scenario: Scenario, posting: Posting) -> Statement:
        return Statement(
            phase=posting.phase,
            text=Text(da=str(posting.at), en=str(posting.at)),
            components={self.components[name].pk: status for name, status in posting.components.items()},
            at=minute(posting.at),
            ended_at=None if posting.ended is None else minute(posting.ended),
            notify=scenario.outcome.startswith("undo") and posting is scenario.last,
        )


def stored() -> list[tuple[str, datetime, str, tuple[str, ...]]]:
    """What is stored, with names instead of ids, which are random and order causes of the same age."""
    titles = {incident.pk: incident.title["en"] for incident in Incident.objects.all()}
    rows = StatusChange.objects.select_related("component").order_by("component__slug", "at")
    return [
        (row.component.slug, row.at, row.status, tuple(sorted(titles[cause] for cause in row.causes))) for row in rows
    ]


def replayed(
    drawn: tuple[Scenario, ...], set_by_hand: list[tuple[int, str, ComponentStatus]], seed: int
) -> list[tuple[str, datetime, str, tuple[str, ...]]]:
    """What is stored after all verbs; then everything is rolled back."""
    with transaction.atomic():
        for name in NAMES:
            make_component(name)
        Replay(drawn, set_by_hand).run(Random(seed))
        result = stored()
        current = dict(Component.objects.values_list("slug", "status"))
        assert current == {name: status_in(result, name, LAST + 60) for name in NAMES}
        transaction.set_rollback(True)
    return result


def status_in(record: list[tuple[str, datetime, str, tuple[str, ...]]], name: str, now: int) -> str:
    rows = [status for slug, at, status, _causes in record if slug == name and at <= minute(now)]
    return rows[-1] if rows else OPERATIONAL


def causes_in(record: list[tuple[str, datetime, str, tuple[str, ...]]], name: str, now: int) -> set[str]:
    rows = [causes for slug, at, _status, causes in record if slug == name and at <= minute(now)]
    return set(rows[-1]) if rows else set()


@hypothesis(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[HypothesisPhase.explicit, HypothesisPhase.generate],  # shrinking takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(histories, by_hand, st.integers(0, 99), st.integers(0, 99))
def test_record_equals_the_model_at_every_minute_in_any_order(
    drawn: tuple[Scenario, ...], set_by_hand: list[tuple[int, str, ComponentStatus]], seed: int, other: int
) -> None:
    record = replayed(drawn, set_by_hand, seed)
    for name in NAMES:
        for now in range(LAST + 1):
            claims = {scenario.name: scenario.status_at(now, name) for scenario in drawn}
            hand = [status for at, slug, status in sorted(set_by_hand) if slug == name and at <= now][-1:]
            worst = worst_of([*claims.values(), *hand])
            assert status_in(record, name, now) == worst, (name, now)
            causes = {scenario for scenario, status in claims.items() if status == worst != OPERATIONAL}
            assert causes_in(record, name, now) == causes, (name, now)
    assert replayed(drawn, set_by_hand, other) == record
