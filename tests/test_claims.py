"""Claims: expected values are counted by hand, or minute by minute."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.claims import Change, Claim, StatedStatus, Step, changes_of, claims_of, has_begun, status_after, steps_of
from incidents.status import ComponentStatus, Phase, worst_of

OPERATIONAL, MAINTENANCE, DEGRADED, PARTIAL, MAJOR = ComponentStatus


def at(hours: float) -> datetime:
    return datetime(2026, 9, 10, tzinfo=UTC) + timedelta(hours=hours)


class TestSteps:
    def test_opening_update_speaks_from_the_start_and_the_others_from_their_own_time(self) -> None:
        stated = [StatedStatus(at(9), PARTIAL, opens=True), StatedStatus(at(11), DEGRADED)]
        assert steps_of(stated, at(8), None) == [Step(at(8), PARTIAL), Step(at(11), DEGRADED)]

    def test_component_that_is_named_later_is_affected_from_then_on(self) -> None:
        assert steps_of([StatedStatus(at(11), DEGRADED)], at(8), None) == [Step(at(11), DEGRADED)]

    def test_incident_ends_when_it_was_over_not_when_that_was_written(self) -> None:
        stated = [StatedStatus(at(9), PARTIAL, opens=True), StatedStatus(at(10), OPERATIONAL, is_final=True)]
        assert steps_of(stated, at(8), at(10)) == [Step(at(8), PARTIAL), Step(at(10), OPERATIONAL)]

    def test_component_that_the_final_update_does_not_name_is_operational_too(self) -> None:
        assert steps_of([StatedStatus(at(9), PARTIAL)], at(8), at(10)) == [
            Step(at(9), PARTIAL),
            Step(at(10), OPERATIONAL),
        ]

    def test_past_incident_in_one_update_keeps_its_status_from_start_to_end(self) -> None:
        stated = [StatedStatus(at(10), MAJOR, opens=True, is_final=True)]
        assert steps_of(stated, at(8), at(10)) == [Step(at(8), MAJOR), Step(at(10), OPERATIONAL)]

    def test_what_was_said_after_the_end_counts_no_longer(self) -> None:
        stated = [
            StatedStatus(at(9), PARTIAL, opens=True),
            StatedStatus(at(15), DEGRADED),
            StatedStatus(at(10), OPERATIONAL, is_final=True),
        ]
        assert steps_of(stated, at(9), at(10)) == [Step(at(9), PARTIAL), Step(at(10), OPERATIONAL)]
        assert steps_of(stated, at(9), None) == [Step(at(9), PARTIAL), Step(at(10), OPERATIONAL)]  # reopened

    def test_update_inserted_before_the_opening_one_does_not_shorten_what_that_says(self) -> None:
        stated = [StatedStatus(at(8.5), DEGRADED), StatedStatus(at(9), PARTIAL, opens=True)]
        assert steps_of(stated, at(8), None) == [Step(at(8), PARTIAL), Step(at(8.5), DEGRADED), Step(at(9), PARTIAL)]

    def test_start_that_was_moved_later_moves_what_was_said_before_it(self) -> None:
        stated = [
            StatedStatus(at(9), PARTIAL, opens=True),
            StatedStatus(at(9.5), DEGRADED),
            StatedStatus(at(12), MAJOR),
        ]
        assert steps_of(stated, at(10), None) == [Step(at(10), DEGRADED), Step(at(12), MAJOR)]

    def test_incident_without_length_claims_nothing(self) -> None:
        stated = [StatedStatus(at(9), MAJOR, opens=True), StatedStatus(at(9), OPERATIONAL, is_final=True)]
        assert claims_of(steps_of(stated, at(9), at(9))) == []

    def test_nothing_said_is_no_step(self) -> None:
        assert steps_of([], at(8), at(9)) == []


@pytest.mark.parametrize(
    ("phase", "timeline", "begun"),
    [
        (Phase.INVESTIGATING, [Phase.INVESTIGATING], True),
        (Phase.SCHEDULED, [Phase.SCHEDULED], False),
        (Phase.IN_PROGRESS, [Phase.IN_PROGRESS, Phase.SCHEDULED], True),
        (Phase.CANCELLED, [Phase.CANCELLED, Phase.SCHEDULED], False),
        (Phase.CANCELLED, [Phase.CANCELLED, Phase.IN_PROGRESS, Phase.SCHEDULED], True),
        (Phase.COMPLETED, [Phase.COMPLETED, Phase.SCHEDULED], True),
    ],
)
def test_planned_work_claims_nothing_unless_it_has_begun(phase: Phase, timeline: list[Phase], begun: bool) -> None:
    assert has_begun(phase, timeline) == begun


class TestChanges:
    def test_lesser_incident_hides_no_greater_one(self) -> None:
        claims = [Claim(PARTIAL, at(10), at(14), "a"), Claim(DEGRADED, at(11), at(12), "b")]
        assert changes_of(claims) == [Change(at(10), PARTIAL, ("a",)), Change(at(14), OPERATIONAL)]

    def test_planned_work_ranks_below_every_fault(self) -> None:
        claims = [Claim(DEGRADED, at(10), at(14), "a"), Claim(MAINTENANCE, at(11), None, "m")]
        assert changes_of(claims) == [Change(at(10), DEGRADED, ("a",)), Change(at(14), MAINTENANCE, ("m",))]

    def test_equal_claims_share_the_cause_the_earliest_first(self) -> None:
        claims = [Claim(MAJOR, at(11), at(12), "a"), Claim(MAJOR, at(10), at(13), "b"), Claim(MAJOR, at(12), at(13))]
        assert changes_of(claims) == [
            Change(at(10), MAJOR, ("b",)),
            Change(at(11), MAJOR, ("b", "a")),
            Change(at(12), MAJOR, ("b",)),
            Change(at(13), OPERATIONAL),
        ]

    def test_claim_that_follows_on_another_leaves_no_gap(self) -> None:
        claims = [Claim(PARTIAL, at(10), at(11), "a"), Claim(PARTIAL, at(11), at(12), "a")]
        assert changes_of(claims) == [Change(at(10), PARTIAL, ("a",)), Change(at(12), OPERATIONAL)]

    def test_claims_without_length_change_nothing(self) -> None:
        assert changes_of([Claim(MAJOR, at(10), at(10), "a"), Claim(MAJOR, at(10), at(9), "b")]) == []
        assert status_after([]) == OPERATIONAL

    def test_status_set_by_hand_lasts_until_the_next_one(self) -> None:
        claims = claims_of([Step(at(1), DEGRADED), Step(at(2), MAJOR), Step(at(3), OPERATIONAL)])
        assert changes_of(claims) == [Change(at(1), DEGRADED), Change(at(2), MAJOR), Change(at(3), OPERATIONAL)]


hours = st.integers(0, 12)
drawn_claims = st.builds(
    Claim,
    st.sampled_from([MAINTENANCE, DEGRADED, PARTIAL, MAJOR]),
    hours.map(at),
    st.none() | hours.map(at),
    st.sampled_from(["", "a", "b", "c"]),
)


@given(st.lists(drawn_claims, max_size=8), st.randoms(use_true_random=False))
def test_component_has_the_worst_of_its_claims_at_every_moment(claims: list[Claim], random: Random) -> None:
    changes = changes_of(claims)
    for half_hour in range(26):
        moment = at(half_hour / 2)
        holding = [claim for claim in claims if claim.start <= moment and (claim.end is None or moment < claim.end)]
        worst = worst_of(claim.status for claim in holding)
        last = next((change for change in reversed(changes) if change.at <= moment), Change(moment, OPERATIONAL))
        assert last.status == worst
        assert set(last.causes) == {claim.cause for claim in holding if claim.status == worst} - {""}
    shuffled = random.sample(claims, len(claims))
    assert changes_of(shuffled) == changes
    assert [change.at for change in changes] == sorted({change.at for change in changes})
