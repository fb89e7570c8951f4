from itertools import pairwise

import pytest

from incidents import labels
from incidents.status import (
    FINAL_PHASES,
    INCIDENT_PHASES,
    MAINTENANCE_PHASES,
    ComponentStatus,
    Impact,
    Kind,
    Phase,
    RootCauseStatus,
    impacts_of,
    phases_of,
    worst_of,
)

BEST_TO_WORST = [
    ComponentStatus.OPERATIONAL,
    ComponentStatus.UNDER_MAINTENANCE,
    ComponentStatus.DEGRADED_PERFORMANCE,
    ComponentStatus.PARTIAL_OUTAGE,
    ComponentStatus.MAJOR_OUTAGE,
]


@pytest.mark.parametrize(("better", "worse"), list(pairwise(BEST_TO_WORST)))
def test_worst_state_wins_in_either_order(better: ComponentStatus, worse: ComponentStatus) -> None:
    assert worst_of([better, worse]) == worst_of([worse, better]) == worse
    assert better.severity < worse.severity


def test_worst_of_nothing_is_operational() -> None:
    assert worst_of([]) == ComponentStatus.OPERATIONAL


def test_worst_of_accepts_strings_from_the_database() -> None:
    assert worst_of(["operational", "major_outage"]) is ComponentStatus.MAJOR_OUTAGE
    with pytest.raises(ValueError, match="broken"):
        worst_of(["broken"])


def test_every_phase_belongs_to_one_kind() -> None:
    assert set(INCIDENT_PHASES) | set(MAINTENANCE_PHASES) == set(Phase)
    assert not set(INCIDENT_PHASES) & set(MAINTENANCE_PHASES)
    for kind in Kind:
        assert all(phase.kind == kind for phase in phases_of(kind))


def test_incident_is_over_when_resolved_and_maintenance_when_completed_or_cancelled() -> None:
    over = {Phase.RESOLVED, Phase.POSTMORTEM, Phase.COMPLETED, Phase.CANCELLED}
    assert {phase for phase in Phase if phase.is_final} == over == set(FINAL_PHASES)


def test_impact_of_maintenance_is_its_own() -> None:
    assert impacts_of(Kind.MAINTENANCE) == (Impact.MAINTENANCE,)
    assert Impact.MAINTENANCE not in impacts_of(Kind.INCIDENT)
    assert {*impacts_of(Kind.INCIDENT), *impacts_of(Kind.MAINTENANCE)} == set(Impact)


def test_every_state_has_a_label() -> None:
    assert set(labels.KINDS) == set(Kind)
    assert set(labels.COMPONENT_STATUSES) == set(labels.OVERALL) == set(ComponentStatus)
    assert set(labels.IMPACTS) == set(Impact)
    assert set(labels.PHASES) == set(Phase)
    assert set(labels.ROOT_CAUSE_STATUSES) == set(RootCauseStatus)
