"""Random subscriber histories on the real pages: some invariants hold for any order of events.

Strangers use every form, in any spelling of an address; owners use any link that was ever
sent to their mailbox. The suite runs a few fixed histories; `EXAMPLES=500 pytest
tests/subscriptions/test_invariants.py` runs many random ones.
"""

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db.models import Count
from django.http import HttpResponse
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from incidents import links, scheduler
from incidents.links import Purpose
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
from incidents.subscriptions import addresses, form_stamps
from tests.factories import make_incident, make_page, make_update
from tests.subscriptions.test_webhooks import valid_code
from tests.subscriptions.visitor import Visitor, manage_token, text, unsubscribe_token

EXAMPLES = int(os.environ.get("EXAMPLES", "0"))
PROFILE = settings(
    max_examples=EXAMPLES or 8,
    stateful_step_count=50 if EXAMPLES else 25,
    derandomize=not EXAMPLES,
    # Without shrinking, which would take minutes; a failure prints its whole history.
    phases=(Phase.explicit, Phase.generate),
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
DAY = timedelta(days=1)
# The spellings of each address, by its canonical form. The first two are of one mailbox.
SPELLINGS = {
    "anna@example.dk": ["anna@example.dk", "Anna@EXAMPLE.dk", "ａnna＠example.dk"],
    "anna+news@example.dk": ["anna+news@example.dk", "ANNA+News@Example.dk"],
    "jürgen@xn--fa-hia.de": ["jürgen@xn--fa-hia.de", "JÜRGEN@faß.de", "ju\u0308rgen@FAẞ.de"],
}
SECRETS = ("anna", "rgen@", "hooks.")  # what is left nowhere in an erased row
ADDRESSES = st.sampled_from(list(SPELLINGS))
NUMBERS = st.integers(0, 7)
URL = "https://hooks.example.dk/hook"
CHOICES = {"wants_incidents": "on", "wants_maintenance": "on", "scope": "all"}
# The purpose of the link in each message that a form can cause.
PURPOSES = {
    "confirmation": Purpose.CONFIRM,
    "follow": Purpose.CONFIRM,
    "webhook": Purpose.CONNECT,
    "manage": Purpose.MANAGE,
    "already_subscribed": Purpose.UNSUBSCRIBE,
}


@dataclass
class Link:
    """A link that was sent to the owner of an address."""

    address: str
    subscriber: str
    purpose: Purpose
    token: str
    is_old: bool = False  # the subscription ended after it was sent


@dataclass
class Mailbox:
    """What strangers sent to a mailbox since its owner last acted on a message, and every link in it."""

    sent: list[tuple[datetime, Link]] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)

    def recent(self) -> list[tuple[datetime, Link]]:
        return [(at, link) for at, link in self.sent if timezone.now() - at < 30 * DAY]


class SubscriberHistories(RuleBasedStateMachine):
    """`consenting`: addresses that want notifications; `connected`: owners of a webhook that gets them.

    `proven`: subscriptions that were confirmed at some time, except erased webhooks: they have no hash of an owner.
    """

    traveller: time_machine.Traveller

    def __init__(self) -> None:
        super().__init__()
        for model in (Announcement, Subscriber, Incident, RateLimit, RequestedMessage, StaleSubject):
            model._default_manager.all().delete()
        self.visitor = Visitor(self.traveller, language="en")
        self.consenting: set[str] = set()
        self.connected: set[str] = set()
        self.proven: set[str] = set()
        self.webhooks: set[str] = set()
        self.mailboxes = {addresses.mailbox(address): Mailbox() for address in SPELLINGS}
        self.answers: set[tuple[str, bytes]] = set()
        self.last_delivery = 0

    @initialize()
    def open_incident(self) -> None:
        self.incident = make_incident()

    def teardown(self) -> None:
        """An owner gets in with any link that they have, whatever strangers did, also when its sign-up was deleted."""
        self.time_passes(24 * 8)
        for mailbox in self.mailboxes.values():
            for link in mailbox.links:
                self._subscribe_again(link)

    # -- forms ---------------------------------------------------------------------------

    @rule(address=ADDRESSES, spelling=NUMBERS)
    def sign_up(self, address: str, spelling: int) -> None:
        self._submit(address, spelling, "subscribe", CHOICES)

    @rule(address=ADDRESSES, spelling=NUMBERS)
    def follow(self, address: str, spelling: int) -> None:
        self._submit(address, spelling, "follow", {}, self.incident.pk)

    @rule(address=ADDRESSES, spelling=NUMBERS)
    def sign_up_webhook(self, address: str, spelling: int) -> None:
        self._submit(address, spelling, "subscribe_webhook", {"url": URL, **CHOICES})

    @rule(address=ADDRESSES, spelling=NUMBERS)
    def request_manage_link(self, address: str, spelling: int) -> None:
        self._submit(address, spelling, "request_manage_link", {})

    # -- links ---------------------------------------------------------------------------

    @rule(address=ADDRESSES, which=NUMBERS)
    def confirm(self, address: str, which: int) -> None:
        """Use the newest link or an earlier one, possibly again."""
        link = self._link(address, which, Purpose.CONFIRM)
        if link is None or link.is_old:
            return
        answer = self.visitor.post(self.visitor.page("confirm", link.token))
        if "You are subscribed" in text(answer) or "You are following" in text(answer):
            self._consent(address)

    @rule(address=ADDRESSES)
    def use_old_confirmation_links(self, address: str) -> None:
        for link in self.mailboxes[addresses.mailbox(address)].links:
            if link.is_old and link.purpose is Purpose.CONFIRM:
                before = self._state(link.address)
                self.visitor.post(self.visitor.page("confirm", link.token))
                assert self._state(link.address) == before

    @rule(address=ADDRESSES, which=NUMBERS)
    def connect_webhook(self, address: str, which: int) -> None:
        link = self._link(address, which, Purpose.CONNECT)
        webhook = self._webhook(address)
        if link is not None and webhook is not None:
            path = self.visitor.page("connect", link.token)
            answer = self.visitor.post(path, {"code": valid_code(webhook)})
            if "whsec_" in text(answer):
                assert not link.is_old
                self._connect(link.address)

    @rule(token=st.sampled_from(["x", "a:1~b~c", "~"]))
    def use_an_invalid_link(self, token: str) -> None:
        for name in ("confirm", "connect", "unsubscribe", "manage", "subscribe_again", "connect_again"):
            assert self.visitor.post(self.visitor.page(name, token)).status_code == 404

    @rule(address=ADDRESSES, which=NUMBERS)
    def subscribe_again(self, address: str, which: int) -> None:
        link = self._link(address, which)
        if link is not None:
            self._subscribe_again(link)

    @rule(address=ADDRESSES, which=NUMBERS)
    def connect_again(self, address: str, which: int) -> None:
        link = self._link(address, which)
        if link is None:
            return
        answer = self._prove("connect_again", link, {"url": URL, **CHOICES})
        if answer.status_code == 302:
            webhook = self._webhook(link.address)
            assert webhook is not None
            if "whsec_" in text(self.visitor.post(answer["Location"], {"code": valid_code(webhook)})):
                self._connect(link.address)

    @rule(address=ADDRESSES, which=NUMBERS)
    def request_new_manage_link(self, address: str, which: int) -> None:
        """It goes to the mailbox of the link, and is not of the budget of strangers."""
        link = self._link(address, which)
        if link is None:
            return
        self._prove("new_manage_link", link, {})
        for delivery in self._new_messages():
            assert delivery.letter == "manage"
            assert delivery.subscriber.mail_address.lower() == link.address

    # -- subscriptions -------------------------------------------------------------------

    @rule(address=ADDRESSES, incident_only=st.booleans())
    def unsubscribe(self, address: str, incident_only: bool) -> None:
        subscriber = self._find(address)
        if subscriber is None or subscriber.state in {"pending", "unsubscribed"}:
            return
        token = links.sign(Purpose.UNSUBSCRIBE, f"{subscriber.pk}:{self.incident.pk}")
        name = "unfollow" if incident_only else "unsubscribe"
        assert self.visitor.post(self.visitor.page(name, token)).status_code == 200
        self._act(address)
        self.consenting.discard(address)
        subscriber.refresh_from_db()
        if subscriber.state == "unsubscribed":
            self._end(address, Purpose.CONFIRM)

    @rule(address=ADDRESSES, wants=st.booleans())
    def change(self, address: str, wants: bool) -> None:
        subscriber = self._find(address)
        if subscriber is None or subscriber.state != "active":
            return
        unfollows = subscriber.incident_choices.confirmed().exists()
        fields: dict[str, Any] = {"wants_incidents" if wants else "wants_maintenance": "on"}
        assert self.visitor.post(self.visitor.page("manage", manage_token(subscriber)), fields).status_code == 200
        self._act(address)
        if wants and not unfollows:
            self.consenting.add(address)
        else:
            self.consenting.discard(address)

    @rule(address=ADDRESSES)
    def erase(self, address: str) -> None:
        subscriber = self._find(address)
        if subscriber is not None:
            assert self.visitor.post(self.visitor.page("erase", manage_token(subscriber))).status_code == 200
            self._act(address)
            self._end(address, Purpose.CONFIRM)
            assert self._find(address) is None

    @rule(address=ADDRESSES, erases=st.booleans())
    def end_webhook(self, address: str, erases: bool) -> None:
        webhook = self._webhook(address)
        if webhook is None or webhook.state in {"pending", "unsubscribed"}:
            return
        name, token = ("erase", manage_token) if erases else ("unsubscribe", unsubscribe_token)
        assert self.visitor.post(self.visitor.page(name, token(webhook))).status_code == 200
        self._end(address, Purpose.CONNECT)
        if erases:
            self.proven.discard(webhook.pk)
            self._act(address)  # the other link is posted to the webhook, and may be used by others than its owner

    @rule(address=ADDRESSES, of_webhook=st.booleans())
    def bounce(self, address: str, of_webhook: bool) -> None:
        subscriber = self._webhook(address) if of_webhook else self._find(address)
        if subscriber is not None and Subscriber.objects.active().filter(pk=subscriber.pk).update(state="suspended"):
            self._end(address, Purpose.CONNECT if of_webhook else Purpose.CONFIRM)

    # -- events --------------------------------------------------------------------------

    @rule(hours=st.sampled_from([1, 25, 25, 80, 24 * 8, 24 * 31]))
    def time_passes(self, hours: int) -> None:
        self.traveller.shift(timedelta(hours=hours))
        scheduler.forget_sign_ups()
        scheduler.erase_departed()
        erased = Subscriber.objects.filter(address="", pk__in=self.webhooks)
        self.proven.difference_update(erased.values_list("pk", flat=True))

    @rule()
    def staff_publish_an_update(self) -> None:
        make_update(self.incident, notify=True)
        StaleSubject.objects.all().delete()
        release.release_due(timezone.now())
        notified = Delivery.objects.filter(announcement=Announcement.objects.latest("id"), state="queued")
        for channel, wanted in (("email", self.consenting), ("webhook", self.connected)):
            found = list(notified.filter(channel=channel).values_list("subscriber__canonical_address", flat=True))
            assert len(found) == len(set(found))
            assert set(found) == wanted
        self._new_messages()

    # -- invariants ----------------------------------------------------------------------

    @invariant()
    def an_address_has_one_subscription_per_channel(self) -> None:
        known = Subscriber.objects.exclude(address="").values("channel", "canonical_address")
        assert not known.annotate(n=Count("pk")).filter(n__gt=1).exists()

    @invariant()
    def unsubscribed_readers_have_no_waiting_deliveries(self) -> None:
        waiting = Delivery.objects.waiting().filter(subscriber__state="unsubscribed")
        # The owner of any link may still ask for a page about a subscription that has ended.
        assert not waiting.exclude(letter="manage").exists()

    @invariant()
    def erased_rows_hold_nothing(self) -> None:
        erased = Subscriber.objects.filter(address="")
        rows = str(list(erased.values())).lower()
        assert not [secret for secret in SECRETS if secret in rows]
        assert not erased.exclude(consents=None, secrets=None, components=None, attempts=None).exists()
        assert not Delivery.objects.filter(subscriber__in=erased).exclude(reply="", destination="").exists()

    @invariant()
    def responses_do_not_depend_on_the_address(self) -> None:
        assert len(self.answers) == len({name for name, _answer in self.answers})

    # -- helpers -------------------------------------------------------------------------

    def _submit(self, address: str, spelling: int, name: str, fields: dict[str, Any], *arguments: str) -> None:
        typed = SPELLINGS[address][spelling % len(SPELLINGS[address])]
        stamp = form_stamps.new()
        self.traveller.shift(timedelta(seconds=5))
        path = self.visitor.page(name, *arguments)
        answer = self.visitor.post(path, {"address": typed, "stamp": stamp, **fields})
        assert answer.status_code == 200
        shown = addresses.readable(addresses.normalise(typed))
        self.answers.add((name, answer.content.replace(shown.encode(), b"ADDRESS")))
        messages = self._new_messages()
        assert len(messages) <= 1
        for message in messages:
            self._record_message(address, message)

    def _record_message(self, address: str, message: Delivery) -> None:
        """Check the budget of the mailbox; its owner has the link from now on."""
        mailbox, subscriber = self.mailboxes[addresses.mailbox(address)], message.subscriber
        assert subscriber.canonical_address == address
        sent = [at for at, _link in mailbox.recent()]
        assert all(timezone.now() - at >= DAY for at in sent)
        assert len(sent) < 3
        purpose = PURPOSES[message.letter]
        value = subscriber.pk if purpose is Purpose.UNSUBSCRIBE else f"{subscriber.pk}:{subscriber.opt_in_round}"
        link = Link(address, subscriber.pk, purpose, links.sign(purpose, value))
        mailbox.sent.append((timezone.now(), link))
        mailbox.links.append(link)

    def _new_messages(self) -> list[Delivery]:
        """Return the emails since the last call that no announcement caused."""
        new = Delivery.objects.filter(pk__gt=self.last_delivery).select_related("subscriber").order_by("pk")
        self.last_delivery = max([self.last_delivery, *(one.pk for one in new)])
        return [one for one in new if one.announcement_id is None]

    def _subscribe_again(self, link: Link) -> None:
        """The link of a message since the owner last acted, or of a confirmed subscription, needs no message."""
        mailbox = self.mailboxes[addresses.mailbox(link.address)]
        must_work = link.subscriber in self.proven or link in [one for _at, one in mailbox.recent()]
        answer = self._prove("subscribe_again", link, CHOICES)
        if "You are subscribed" in text(answer):
            self._consent(link.address)
        elif "You are already subscribed" not in text(answer):
            assert answer.status_code in {404, 422}
            assert not must_work
        assert self._new_messages() == []

    def _prove(self, name: str, link: Link, fields: dict[str, Any]) -> HttpResponse:
        self.traveller.shift(timedelta(minutes=31))  # one use of the owner's limit
        return self.visitor.post(self.visitor.page(name, link.token), {"address": link.address, **fields})

    def _consent(self, address: str) -> None:
        self.consenting.add(address)
        subscriber = self._find(address)
        assert subscriber is not None
        self.proven.add(subscriber.pk)
        self._act(address)

    def _connect(self, address: str) -> None:
        webhook = self._webhook(address)
        assert webhook is not None
        assert webhook.state == "active"
        self.connected.add(address)
        self.proven.add(webhook.pk)
        self.webhooks.add(webhook.pk)
        self._act(address)

    def _act(self, address: str) -> None:
        """The owner acts on a message, which renews the budget of the mailbox."""
        self.mailboxes[addresses.mailbox(address)].sent.clear()

    def _end(self, address: str, purpose: Purpose) -> None:
        """Earlier confirmations count no more."""
        (self.connected if purpose is Purpose.CONNECT else self.consenting).discard(address)
        for link in self.mailboxes[addresses.mailbox(address)].links:
            link.is_old |= link.address == address and link.purpose is purpose

    def _link(self, address: str, which: int, *purposes: Purpose) -> Link | None:
        """Return a link of this address: the newest one, or an earlier one."""
        sent = self.mailboxes[addresses.mailbox(address)].links
        found = [one for one in sent if one.address == address and (not purposes or one.purpose in purposes)]
        return found[-1 - which % len(found)] if found else None

    def _find(self, address: str) -> Subscriber | None:
        return Subscriber.objects.by_mail(address).first()

    def _state(self, address: str) -> str:
        subscriber = self._find(address)
        return subscriber.state if subscriber else ""

    def _webhook(self, address: str) -> Subscriber | None:
        return Subscriber.objects.webhooks_of(address).first()


@pytest.mark.django_db
def test_invariants_hold_in_any_history(settings: Any) -> None:
    settings.ANNOUNCEMENT_HOLD = 0
    settings.EMAIL_SMTPUTF8 = True
    make_page()
    with time_machine.travel(datetime(2026, 11, 23, 12, 0, tzinfo=UTC), tick=False) as traveller:
        SubscriberHistories.traveller = traveller
        run_state_machine_as_test(SubscriberHistories, settings=PROFILE)
