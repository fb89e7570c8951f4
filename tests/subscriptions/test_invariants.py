"""Random subscriber histories on the real pages: some invariants hold for any order of events.

The suite runs a few fixed histories; `EXAMPLES=500 pytest tests/subscriptions/test_invariants.py`
runs many random ones.
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

from incidents import links, scheduler
from incidents.models import (
    Announcement,
    Delivery,
    Incident,
    RateLimit,
    RequestedMessage,
    StaleSubject,
    Subscriber,
)
from incidents.notifications import release
from tests.factories import make_incident, make_page, make_update
from tests.subscriptions.visitor import Visitor, confirmation_token, manage_token, text

EXAMPLES = int(os.environ.get("EXAMPLES", "0"))
PROFILE = settings(
    max_examples=EXAMPLES or 6,
    stateful_step_count=50 if EXAMPLES else 15,
    derandomize=not EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
HOUR = 60 * 60
ADDRESSES = st.sampled_from(["anna@example.dk", "bo@example.dk"])
# The messages that a stranger can cause.
REQUESTED = ["confirmation", "follow", "already_subscribed"]


class SubscriberHistories(RuleBasedStateMachine):
    """`consenting`: addresses that want notifications. `tokens`: confirmation links, sent to each address."""

    traveller: time_machine.Traveller

    def __init__(self) -> None:
        super().__init__()
        for model in (Announcement, Subscriber, Incident, RateLimit, RequestedMessage, StaleSubject):
            model._default_manager.all().delete()
        self.visitor = Visitor(self.traveller, language="en")
        self.consenting: set[str] = set()
        self.tokens: dict[str, list[str]] = {}
        self.old_tokens: dict[str, list[str]] = {}
        self.sent_at: dict[str, list[datetime]] = {}
        self.answers: set[tuple[str, bytes]] = set()

    @initialize()
    def open_incident(self) -> None:
        self.incident = make_incident()

    # -- subscribers ---------------------------------------------------------------------

    @rule(address=ADDRESSES)
    def sign_up(self, address: str) -> None:
        self._submit(address, "subscribe", {"wants_incidents": "on", "wants_maintenance": "on", "scope": "all"})

    @rule(address=ADDRESSES)
    def follow(self, address: str) -> None:
        self._submit(address, "follow", {}, self.incident.pk)

    @rule(address=ADDRESSES, which=st.integers(0, 3))
    def confirm(self, address: str, which: int) -> None:
        """Use the newest link or an earlier one, possibly again."""
        tokens = self.tokens.get(address, [])
        if tokens:
            answer = self.visitor.post(self.visitor.page("confirm", tokens[-1 - which % len(tokens)]))
            if "You are subscribed" in text(answer) or "You are following" in text(answer):
                self.consenting.add(address)
                self.sent_at.pop(address, None)  # the owner has acted, which renews the budget

    @rule(address=ADDRESSES)
    def use_an_old_confirmation_link(self, address: str) -> None:
        for token in self.old_tokens.get(address, []):
            answer = self.visitor.post(self.visitor.page("confirm", token))
            assert answer.status_code == 410 or address in self.consenting

    @rule(token=st.sampled_from(["x", "a:1~b~c", "~"]))
    def use_an_invalid_link(self, token: str) -> None:
        for name in ("confirm", "unsubscribe", "manage"):
            assert self.visitor.post(self.visitor.page(name, token)).status_code == 404

    @rule(address=ADDRESSES, incident_only=st.booleans())
    def unsubscribe(self, address: str, incident_only: bool) -> None:
        subscriber = self._find(address)
        if subscriber is not None and subscriber.state != "pending":
            token = links.sign(links.Purpose.UNSUBSCRIBE, f"{subscriber.pk}:{self.incident.pk}")
            name = "unfollow" if incident_only else "unsubscribe"
            assert self.visitor.post(self.visitor.page(name, token)).status_code == 200
            self.sent_at.pop(address, None)
            self.consenting.discard(address)
            subscriber.refresh_from_db()
            if subscriber.state == "unsubscribed":
                self._forget_consent(address)
                assert not _waiting().filter(subscriber=subscriber).exists()

    @rule(address=ADDRESSES, wants=st.booleans())
    def change(self, address: str, wants: bool) -> None:
        subscriber = self._find(address)
        if subscriber is not None and subscriber.state == "active":
            unfollows = subscriber.incident_choices.confirmed().exists()
            fields: dict[str, Any] = {"wants_incidents" if wants else "wants_maintenance": "on"}
            assert self.visitor.post(self.visitor.page("manage", manage_token(subscriber)), fields).status_code == 200
            self.sent_at.pop(address, None)
            if wants and not unfollows:
                self.consenting.add(address)
            else:
                self.consenting.discard(address)

    @rule(address=ADDRESSES)
    def erase(self, address: str) -> None:
        subscriber = self._find(address)
        if subscriber is not None:
            assert self.visitor.post(self.visitor.page("erase", manage_token(subscriber))).status_code == 200
            self.sent_at.pop(address, None)
            self._forget_consent(address)
            assert address not in str(list(Subscriber.objects.values()))

    @rule(address=ADDRESSES)
    def bounce(self, address: str) -> None:
        if Subscriber.objects.active().filter(address=address).update(state="suspended"):
            self._forget_consent(address)

    # -- events --------------------------------------------------------------------------

    @rule(hours=st.sampled_from([1, 25, 80, 24 * 8]))
    def time_passes(self, hours: int) -> None:
        self.traveller.shift(hours * HOUR)
        scheduler.forget_sign_ups()

    @precondition(lambda self: hasattr(self, "incident"))
    @rule()
    def staff_publish_an_update(self) -> None:
        make_update(self.incident, notify=True)
        StaleSubject.objects.all().delete()
        release.release_due(timezone.now())
        notified = Delivery.objects.filter(announcement=Announcement.objects.latest("id"), state="queued")
        addresses = list(notified.values_list("subscriber__address", flat=True))
        assert len(addresses) == len(set(addresses))
        assert set(addresses) == self.consenting

    # -- invariants ----------------------------------------------------------------------

    @invariant()
    def an_address_has_one_subscription(self) -> None:
        twice = Subscriber.objects.exclude(address="").values("address").annotate(n=Count("pk")).filter(n__gt=1)
        assert not twice.exists()

    @invariant()
    def unsubscribed_readers_have_no_waiting_deliveries(self) -> None:
        assert not _waiting().filter(subscriber__state="unsubscribed").exists()

    @invariant()
    def responses_do_not_depend_on_the_address(self) -> None:
        assert len(self.answers) == len({name for name, _answer in self.answers})

    def _submit(self, address: str, name: str, fields: dict[str, Any], *arguments: str) -> None:
        path = self.visitor.page(name, *arguments)
        before = Delivery.objects.filter(letter__in=REQUESTED).count()
        answer = self.visitor.post(path, {"address": address, "stamp": self.visitor.stamp(), **fields})
        assert answer.status_code == 200
        self.answers.add((name, answer.content.replace(address.encode(), b"ADDRESS")))
        new = Delivery.objects.filter(letter__in=REQUESTED).count() - before
        if new:
            assert new == 1
            self._record_message(address)

    def _record_message(self, address: str) -> None:
        sent = self.sent_at.setdefault(address, [])
        assert all((timezone.now() - at).total_seconds() >= 24 * HOUR for at in sent)
        assert sum((timezone.now() - at).total_seconds() < 30 * 24 * HOUR for at in sent) < 3
        sent.append(timezone.now())
        subscriber = self._find(address)
        assert subscriber is not None
        self.tokens.setdefault(address, []).append(confirmation_token(subscriber))

    def _forget_consent(self, address: str) -> None:
        self.consenting.discard(address)
        self.old_tokens.setdefault(address, []).extend(self.tokens.pop(address, []))

    def _find(self, address: str) -> Subscriber | None:
        return Subscriber.objects.by_mail(address).first()


def _waiting() -> Any:
    return Delivery.objects.waiting()


@pytest.mark.django_db
def test_only_consenting_readers_are_notified_in_any_history(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.ANNOUNCEMENT_HOLD = 0
    make_page()
    with time_machine.travel(datetime(2026, 11, 23, 12, 0, tzinfo=UTC), tick=False) as traveller:
        SubscriberHistories.traveller = traveller
        run_state_machine_as_test(SubscriberHistories, settings=PROFILE)
