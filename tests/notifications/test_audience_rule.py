"""Who is notified, for random subscribers: a model in Python, the number that staff see, and the deliveries agree.

`AUDIENCE_EXAMPLES=500 pytest tests/notifications/test_audience_rule.py` tries more of them.
"""

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import Phase as HypothesisPhase
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from incidents.models import Announcement, Component, Delivery, Incident, IncidentChoice, Subscriber
from incidents.notifications import audience
from incidents.status import ComponentStatus, Kind, Phase
from tests.factories import (
    make_component,
    make_incident,
    make_maintenance,
    make_statement,
    make_subscriber,
    make_update,
)
from tests.notifications.helpers import announced

pytestmark = pytest.mark.django_db

EXAMPLES = int(os.environ.get("AUDIENCE_EXAMPLES", "0"))
PROFILE = hypothesis(
    max_examples=EXAMPLES or 12,
    derandomize=not EXAMPLES,
    phases=(HypothesisPhase.explicit, HypothesisPhase.generate),
    database=None,
    suppress_health_check=list(HealthCheck),
)
SLUGS = ("mail", "web", "dns")
# Hours from now at which a pause ends.
PAUSES = (None, None, -1, 1)
# Choices about the incident: whether they follow it, and whether that was confirmed.
CHOICES = st.dictionaries(st.booleans(), st.booleans()).map(lambda chosen: frozenset(chosen.items()))


@dataclass(frozen=True)
class Person:
    """A subscriber as it is stored, and the rule that decides what becomes of it."""

    channel: str
    language: str
    state: str
    wants_incidents: bool
    wants_maintenance: bool
    paused: int | None
    components: frozenset[str]
    choices: frozenset[tuple[bool, bool]]

    @property
    def group(self) -> tuple[str, str]:
        return self.channel, self.language if self.language in {"da", "en"} else "da"

    def outcome(self, kind: str, named: Iterable[str]) -> str | None:
        """The reason why they are skipped; empty if they are notified, None if they are not part of the audience."""
        follows, unfollowed = (True, True) in self.choices, (False, True) in self.choices
        wants = self.wants_maintenance if kind == Kind.MAINTENANCE else self.wants_incidents
        if self.state not in {"active", "suspended"}:
            return None
        if not (self.wants_incidents or self.wants_maintenance or follows):
            return None
        if self.state == "suspended" or (self.paused is not None and self.paused > 0):
            return "suspended" if self.state == "suspended" else "paused"
        if follows or unfollowed:
            return "unfollowed" if unfollowed else ""
        if not wants:
            return "other_kind"
        return "other_components" if self.components and not self.components & set(named) else ""

    def store(self, number: int, components: dict[str, Component], incident: Incident) -> Subscriber:
        mail = self.channel == Subscriber.Channel.EMAIL
        subscriber = make_subscriber(
            f"r{number}@example.dk" if mail else f"https://example.dk/{number}",
            owner="" if mail else "anna@example.dk",
            channel=self.channel,
            language=self.language,
            state=self.state,
            wants_incidents=self.wants_incidents,
            wants_maintenance=self.wants_maintenance,
            paused_until=None if self.paused is None else timezone.now() + timedelta(hours=self.paused),
        )
        subscriber.components.set(components[slug] for slug in self.components)
        for follows, is_confirmed in self.choices:
            confirmed_at = timezone.now() if is_confirmed else None
            IncidentChoice.objects.create(
                subscriber=subscriber, incident=incident, told=follows, confirmed_at=confirmed_at
            )
        return subscriber


people = st.lists(
    st.builds(
        Person,
        channel=st.sampled_from(Subscriber.Channel.values),
        language=st.sampled_from(["da", "en", "de"]),
        state=st.sampled_from(["active", "active", "active", "suspended", "unsubscribed", "pending"]),
        wants_incidents=st.booleans(),
        wants_maintenance=st.booleans(),
        paused=st.sampled_from(PAUSES),
        components=st.frozensets(st.sampled_from(SLUGS)),
        choices=CHOICES,
    ),
    max_size=12,
)
named_components = st.frozensets(st.sampled_from(SLUGS))


def an_incident(kind: str, named: Iterable[str], components: dict[str, Component]) -> Incident:
    """An incident of that kind whose update names these components; nobody has been notified."""
    chosen = [components[slug] for slug in sorted(named)]
    if kind == Kind.MAINTENANCE:
        start = timezone.now() + timedelta(days=1)
        return make_maintenance(start=start, end=start + timedelta(hours=1), components=tuple(chosen))
    return make_incident(components=dict.fromkeys(chosen, ComponentStatus.MAJOR_OUTAGE))


def notified(announcement: Announcement) -> dict[tuple[str, str], int]:
    """How many deliveries will be sent, by channel and language."""
    rows = announcement.deliveries.exclude(state="skipped")
    return dict(Counter(rows.values_list("channel", "language")))


@PROFILE
@given(people, st.sampled_from(Kind), named_components)
def test_number_that_staff_see_is_the_number_of_deliveries(
    drawn: list[Person], kind: Kind, named: frozenset[str]
) -> None:
    with transaction.atomic():
        components = {slug: make_component(slug) for slug in SLUGS}
        incident = an_incident(kind, named, components)
        ids = {person.store(number, components, incident).pk: person for number, person in enumerate(drawn)}
        counted = audience.count(kind, [components[slug].pk for slug in named], incident.pk)
        phase = Phase.SCHEDULED if kind == Kind.MAINTENANCE else Phase.MITIGATED
        announcement = announced(incident, phase=phase)
        outcomes = {pk: person.outcome(kind, named) for pk, person in ids.items()}
        expected = {pk: reason for pk, reason in outcomes.items() if reason is not None}
        assert dict(Delivery.objects.values_list("subscriber_id", "skip_reason")) == expected
        assert counted == notified(announcement)
        assert counted == dict(Counter(ids[pk].group for pk, reason in expected.items() if not reason))
        assert list(counted) == sorted(counted)
        transaction.set_rollback(True)


@PROFILE
@given(people, people, named_components)
def test_number_of_readers_of_a_translation_is_the_number_of_its_deliveries(
    before: list[Person], after: list[Person], named: frozenset[str]
) -> None:
    with transaction.atomic():
        components = {slug: make_component(slug) for slug in SLUGS}
        incident = an_incident(Kind.INCIDENT, named, components)
        for number, person in enumerate(before):
            person.store(number, components, incident)
        first = announced(incident)
        first.deliveries.exclude(state="skipped").update(state="sent", sent_at=timezone.now())
        # Some have changed their choices since.
        for person, subscriber in zip(after, Subscriber.objects.filter(state="active"), strict=False):
            fields = {"language": person.language, "wants_incidents": person.wants_incidents}
            Subscriber.objects.filter(pk=subscriber.pk).update(**fields)
        counted = audience.count_translated(first.update, ["en"])
        again = Announcement.objects.create(
            update=first.update, reason="translation", languages=["en"], hold_until=timezone.now()
        )
        audience.expand(again, timezone.now())
        assert counted == notified(again)
        transaction.set_rollback(True)


def test_new_incident_reaches_those_who_chose_nothing_in_particular() -> None:
    mail = make_component("mail")
    make_subscriber("all@example.dk")
    make_subscriber("mail@example.dk").components.add(mail)
    make_subscriber("web@example.dk", language="en").components.add(make_component("web"))
    old = make_incident(statement=make_statement(components={}))
    make_update(old)
    follower = make_subscriber("follower@example.dk", wants_incidents=False)
    IncidentChoice.objects.create(subscriber=follower, incident=old, confirmed_at=timezone.now())
    assert audience.count(Kind.INCIDENT, [mail.pk]) == {("email", "da"): 2}
    assert audience.count(Kind.INCIDENT, []) == {("email", "da"): 1}
    assert audience.count(Kind.INCIDENT, [], old.pk) == {("email", "da"): 2}
