"""The claims that hold now, read from the database."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from incidents import operations
from incidents.claims import Claim
from incidents.models import Component
from incidents.operations.claims import open_claims
from incidents.status import ComponentStatus, Phase
from tests.actors import ANYBODY
from tests.factories import make_component, make_incident, make_maintenance, make_statement, make_update

pytestmark = pytest.mark.django_db
DEGRADED, PARTIAL, MAJOR = (
    ComponentStatus.DEGRADED_PERFORMANCE,
    ComponentStatus.PARTIAL_OUTAGE,
    ComponentStatus.MAJOR_OUTAGE,
)


def said(component: Component, besides: str = "") -> list[tuple[ComponentStatus, str]]:
    claims: list[Claim] = open_claims([component.pk], besides=besides).get(component.pk, [])
    return sorted((claim.status, claim.cause) for claim in claims)


def test_open_incident_claims_what_its_newest_update_says() -> None:
    mail = make_component()
    incident = make_incident(components={mail: MAJOR})
    make_update(incident, components={mail.pk: DEGRADED})
    assert said(mail) == [(DEGRADED, incident.pk)]
    assert said(mail, besides=incident.pk) == []


def test_incident_that_is_over_withdrawn_or_a_draft_claims_nothing_now() -> None:
    mail = make_component()
    make_update(make_incident(components={mail: MAJOR}), Phase.RESOLVED)
    operations.withdraw(by=ANYBODY, incident=make_incident(components={mail: MAJOR}))
    make_incident(components={mail: MAJOR}, draft=True)
    assert said(mail) == []


def test_planned_work_claims_nothing_before_it_begins() -> None:
    mail, now = make_component(), timezone.now()
    work = make_maintenance(start=now + timedelta(hours=1), end=now + timedelta(hours=2), components=(mail,))
    assert said(mail) == []
    operations.post_update(by=ANYBODY, incident=work, statement=make_statement(Phase.IN_PROGRESS))
    assert said(mail) == [(ComponentStatus.UNDER_MAINTENANCE, work.pk)]


def test_status_set_by_hand_counts_until_the_next_one() -> None:
    mail = make_component()
    operations.set_component_status(by=ANYBODY, component=mail, status=MAJOR, at=timezone.now() - timedelta(days=2))
    operations.set_component_status(by=ANYBODY, component=mail, status=PARTIAL)
    assert said(mail) == [(PARTIAL, "")]
    operations.set_component_status(by=ANYBODY, component=mail, status=ComponentStatus.OPERATIONAL)
    assert said(mail) == []


def test_number_of_queries_does_not_depend_on_the_number_of_components(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    components = [make_component() for _ in range(4)]
    for component in components:
        make_incident(components={component: MAJOR})
        operations.set_component_status(by=ANYBODY, component=component, status=DEGRADED)
    for some in (components[:1], components):
        with django_assert_num_queries(2):
            assert len(open_claims([component.pk for component in some])) == len(some)
