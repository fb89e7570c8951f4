"""Random lives, lived through the real pages: whatever happens in whatever order, some things never do.

The suite lives a few of them, always the same. `LIVES=500 pytest tests/subscriptions/test_invariants.py`
lives many others.
"""

import os
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.db.models import Count
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from incidents import links
from incidents import scheduler as chores
from incidents.models import (
    Announcement,
    Delivery,
    Incident,
    LetterLimit,
    StaleSubject,
    Subscriber,
)
from incidents.notifications import release
from tests.factories import make_incident, make_page, make_update
from tests.subscriptions.visitor import Visitor, confirmation, manage_link, text

LIVES = int(os.environ.get("LIVES", "0"))
PROFILE = settings(
    max_examples=LIVES or 6,
    stateful_step_count=50 if LIVES else 15,
    derandomize=not LIVES,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
HOUR = 60 * 60
ADDRESSES = st.sampled_from(["anna@example.dk", "bo@example.dk"])
# What asks for a confirmation, or says that there is none to give: what a stranger can cause.
ASKED_FOR = ["confirmation", "follow", "already_subscribed"]


class Lives(RuleBasedStateMachine):
    """`agreed`: whose newest wish is to be told. `tokens`: the links in the confirmations that somebody has."""

    traveller: time_machine.Traveller

    def __init__(self) -> None:
        super().__init__()
        for model in (Announcement, Subscriber, Incident, LetterLimit, StaleSubject):
            model._default_manager.all().delete()
        self.visitor = Visitor(self.traveller, language="en")
        self.agreed: set[str] = set()
        self.tokens: dict[str, list[str]] = {}
        self.old_tokens: dict[str, list[str]] = {}
        self.letters: dict[str, list[datetime]] = {}
        self.answers: set[tuple[str, bytes]] = set()

    @initialize()
    def something_breaks(self) -> None:
        self.incident = make_incident()

    # -- what people do --------------------------------------------------------------------

    @rule(address=ADDRESSES)
    def sign_up(self, address: str) -> None:
        self._ask(address, "subscribe", {"wants_incidents": "on", "wants_maintenance": "on", "scope": "all"})

    @rule(address=ADDRESSES)
    def follow(self, address: str) -> None:
        self._ask(address, "follow", {}, self.incident.pk)

    @rule(address=ADDRESSES, which=st.integers(0, 3))
    def confirm(self, address: str, which: int) -> None:
        """The newest link, or an earlier one; perhaps for the second time."""
        tokens = self.tokens.get(address, [])
        if tokens:
            answer = self.visitor.post(self.visitor.page("confirm", tokens[-1 - which % len(tokens)]))
            if "You are subscribed" in text(answer):
                self.agreed.add(address)

    @rule(address=ADDRESSES)
    def press_a_link_from_before_leaving(self, address: str) -> None:
        for token in self.old_tokens.get(address, []):
            answer = self.visitor.post(self.visitor.page("confirm", token))
            assert answer.status_code == 410 or address in self.agreed

    @rule(token=st.sampled_from(["x", "a:1~b~c", "~"]))
    def invent_a_link(self, token: str) -> None:
        for name in ("confirm", "unsubscribe", "manage"):
            assert self.visitor.post(self.visitor.page(name, token)).status_code == 404

    @rule(address=ADDRESSES, only_the_incident=st.booleans())
    def leave(self, address: str, only_the_incident: bool) -> None:
        subscriber = self._find(address)
        if subscriber is not None and subscriber.state != "pending":
            token = links.sign(links.Purpose.UNSUBSCRIBE, f"{subscriber.pk}:{self.incident.pk}")
            name = "unfollow" if only_the_incident else "unsubscribe"
            assert self.visitor.post(self.visitor.page(name, token)).status_code == 200
            self.agreed.discard(address)
            subscriber.refresh_from_db()
            if subscriber.state == "unsubscribed":
                self._is_gone(address)
                assert not _waiting().filter(subscriber=subscriber).exists()

    @rule(address=ADDRESSES, wants=st.booleans())
    def change(self, address: str, wants: bool) -> None:
        subscriber = self._find(address)
        if subscriber is not None and subscriber.state == "active":
            ends_one = subscriber.incident_choices.confirmed().exists()
            fields: dict[str, Any] = {"wants_incidents" if wants else "wants_maintenance": "on"}
            assert self.visitor.post(self.visitor.page("manage", manage_link(subscriber)), fields).status_code == 200
            if wants and not ends_one:
                self.agreed.add(address)
            else:
                self.agreed.discard(address)

    @rule(address=ADDRESSES)
    def erase(self, address: str) -> None:
        subscriber = self._find(address)
        if subscriber is not None:
            assert self.visitor.post(self.visitor.page("erase", manage_link(subscriber))).status_code == 200
            self._is_gone(address)
            assert address not in str(list(Subscriber.objects.values()))

    @rule(address=ADDRESSES)
    def bounce(self, address: str) -> None:
        if Subscriber.objects.active().filter(address=address).update(state="suspended"):
            self._is_gone(address)

    # -- what happens ----------------------------------------------------------------------

    @rule(hours=st.sampled_from([1, 25, 80, 24 * 8]))
    def time_passes(self, hours: int) -> None:
        self.traveller.shift(hours * HOUR)
        chores.forget_sign_ups()

    @precondition(lambda self: hasattr(self, "incident"))
    @rule()
    def staff_publish_an_update(self) -> None:
        make_update(self.incident, notify=True)
        StaleSubject.objects.all().delete()
        release.release_due(timezone.now())
        told = Delivery.objects.filter(announcement=Announcement.objects.latest("id"), state="queued")
        addresses = list(told.values_list("subscriber__address", flat=True))
        assert len(addresses) == len(set(addresses))
        assert set(addresses) == self.agreed

    # -- what never happens ----------------------------------------------------------------

    @invariant()
    def an_address_has_one_subscription(self) -> None:
        twice = Subscriber.objects.exclude(address="").values("address").annotate(n=Count("pk")).filter(n__gt=1)
        assert not twice.exists()

    @invariant()
    def nothing_waits_for_somebody_who_has_left(self) -> None:
        assert not _waiting().filter(subscriber__state="unsubscribed").exists()

    @invariant()
    def answers_tell_a_stranger_nothing(self) -> None:
        assert len(self.answers) == len({name for name, _answer in self.answers})

    def _ask(self, address: str, name: str, fields: dict[str, Any], *arguments: str) -> None:
        path = self.visitor.page(name, *arguments)
        before = Delivery.objects.filter(letter__in=ASKED_FOR).count()
        answer = self.visitor.post(path, {"address": address, "stamp": self.visitor.stamp(), **fields})
        assert answer.status_code == 200
        self.answers.add((name, answer.content.replace(address.encode(), b"ADDRESS")))
        caused = Delivery.objects.filter(letter__in=ASKED_FOR).count() - before
        if caused:
            assert caused == 1
            self._gets_a_letter(address)

    def _gets_a_letter(self, address: str) -> None:
        sent = self.letters.setdefault(address, [])
        assert all((timezone.now() - at).total_seconds() >= 24 * HOUR for at in sent)
        sent.append(timezone.now())
        subscriber = self._find(address)
        assert subscriber is not None
        self.tokens.setdefault(address, []).append(confirmation(subscriber))

    def _is_gone(self, address: str) -> None:
        self.agreed.discard(address)
        self.old_tokens.setdefault(address, []).extend(self.tokens.pop(address, []))

    def _find(self, address: str) -> Subscriber | None:
        return Subscriber.objects.by_mail(address).first()


def _waiting() -> Any:
    return Delivery.objects.waiting()


@pytest.mark.django_db
def test_nobody_is_mailed_without_having_agreed_nor_after_leaving(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ANNOUNCEMENT_HOLD = 0
    make_page()
    with time_machine.travel(datetime(2026, 11, 23, 12, 0, tzinfo=UTC), tick=False) as traveller:
        Lives.traveller = traveller
        run_state_machine_as_test(Lives, settings=PROFILE)
