"""The verbs of a webhook or a chat channel: subscriptions that have an owner and are posted to over HTTP.

The owner confirms twice: a link in an email shows who owns the webhook, and a code that
we post to the URL shows that they can read what arrives there. A code typed in by a
person works for chats as well as programs, and no endpoint can be tricked into
returning it.
"""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from .. import guard, links
from ..links import Purpose
from ..models import Attempt, Delivery, DeliveryState, SigningSecret, Subscriber
from ..notifications.ledger.writer import requeue
from ..notifications.messages.payloads import verification_code
from ..notifications.messages.signatures import new_secret
from ..notifications.outbox import queue_message
from ..notifications.queues import enqueue_posts
from . import budget, consents, lifecycle, limits
from .consents import Method, Step
from .lifecycle import CONSENT_TEXT, Choices, State
from .proof import Proof
from .service import CONFIRM_WITHIN, LinkState

OVERLAP = timedelta(hours=24)  # after a change, both secrets sign for this long
LOG_LENGTH = 30  # lines of the log on the owner's page
_SLACK = {"hooks.slack.com", "hooks.slack-gov.com"}
_TEAMS = (".logic.azure.com", ".webhook.office.com", ".api.powerplatform.com")


@dataclass(frozen=True)
class ConnectResult:
    """`secret` is shown only this once; empty for a chat, and if nothing was connected."""

    link_state: LinkState
    subscriber: Subscriber | None = None
    secret: str = ""
    is_code_right: bool = True


def channel_of(url: str) -> str:
    """Return the channel of a URL, by its host; only the chat services' own hosts count as chats."""
    host = guard.read_url(url).host
    if host in _SLACK:
        return Subscriber.Channel.SLACK
    return Subscriber.Channel.TEAMS if host.endswith(_TEAMS) else Subscriber.Channel.WEBHOOK


@transaction.atomic
def sign_up(*, url: str, address: str, choices: Choices) -> None:
    """Ask the owner of a normalised email address whether this webhook is theirs; see `service.sign_up`."""
    subscriber = _lock_webhook(url, address)
    if not budget.has_room(address):
        return
    if subscriber is not None and subscriber.state == State.ACTIVE:
        budget.send(subscriber, Delivery.Letter.MANAGE)
        return
    budget.send(_start_opt_in(subscriber, url, address, choices), Delivery.Letter.WEBHOOK)


@transaction.atomic
def sign_up_with_proof(*, proof: Proof, url: str, address: str, choices: Choices) -> Subscriber | None:
    """Start to connect a webhook for the owner of a mailbox, proved by a link in an earlier message.

    Return the webhook, whose connect link needs no message: unchanged if it is connected
    already. None if the link proves another address.
    """
    if not (proof.is_private and proof.proves(address)):
        return None
    subscriber = _lock_webhook(url, address)
    if subscriber is not None and subscriber.state == State.ACTIVE:
        return subscriber
    return _start_opt_in(subscriber, url, address, choices)


def connect_token(subscriber: Subscriber) -> str:
    """Return the token of the page on which the owner enters the code."""
    return links.sign(Purpose.CONNECT, f"{subscriber.pk}:{subscriber.opt_in_round}")


def check_connect_link(token: str) -> tuple[LinkState, Subscriber | None]:
    """Return what a link to connect a webhook would do now, without changing anything."""
    value = links.unsign(Purpose.CONNECT, token)
    if value is None:
        return LinkState.INVALID, None
    pk, _colon, signed_round = value.partition(":")
    subscriber = Subscriber.objects.exclude(address="").filter(pk=pk).first()
    if subscriber is None or str(subscriber.opt_in_round) != signed_round:
        return LinkState.EXPIRED, None
    if subscriber.state == State.ACTIVE:
        return LinkState.USED, subscriber
    in_time = links.unsign(Purpose.CONNECT, token, int(CONFIRM_WITHIN.total_seconds())) is not None
    return (LinkState.VALID, subscriber) if in_time and subscriber.state == State.PENDING else (LinkState.EXPIRED, None)


@transaction.atomic
def send_code(*, token: str) -> bool:
    """Post the code to the webhook; return False if that was done too often."""
    lifecycle.lock_token_subscriber(links.unsign(Purpose.CONNECT, token))
    link_state, subscriber = check_connect_link(token)
    if link_state != LinkState.VALID or subscriber is None:
        return False
    if not limits.may_post_code(url=subscriber.address, host=guard.read_url(subscriber.address).host):
        return False
    queue_message(subscriber, Delivery.Letter.CODE)
    return True


@transaction.atomic
def connect(*, token: str, code: str) -> ConnectResult:
    """Activate the webhook if the code is right. VALID means that this call did, unless the code was wrong."""
    lifecycle.lock_token_subscriber(links.unsign(Purpose.CONNECT, token))
    link_state, subscriber = check_connect_link(token)
    if link_state != LinkState.VALID or subscriber is None:
        return ConnectResult(link_state, subscriber)
    may_try = limits.may_try_code(f"{subscriber.pk}:{subscriber.opt_in_round}")
    if not (may_try and _is_right(code, subscriber)):
        return ConnectResult(link_state, subscriber, is_code_right=False)
    lifecycle.activate(subscriber)
    consents.record(subscriber, Step.CONFIRMED, Method.EMAIL)
    subscriber.secrets.all().delete()
    budget.renew(subscriber.owner)
    return ConnectResult(link_state, subscriber, _add_secret(subscriber))


def _is_right(code: str, subscriber: Subscriber) -> bool:
    # Also a code that was posted before a rotation of the key.
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    expected = [verification_code(subscriber.pk, subscriber.opt_in_round, key) for key in keys]
    return any(constant_time_compare(_bare_code(code), _bare_code(one)) for one in expected)


@transaction.atomic
def change_secret(*, subscriber: Subscriber) -> str:
    """Return a new secret, shown only this once; the previous one stays valid for OVERLAP.

    Empty for a chat, and if the subscriber was erased or started a new opt-in.
    """
    present = lifecycle.lock_if_unchanged(subscriber)
    if present is None:
        return ""
    now = timezone.now()
    for older in present.secrets.valid(now)[1:]:
        older.delete()
    present.secrets.filter(valid_until__isnull=True).update(valid_until=now + OVERLAP)
    return _add_secret(present)


@transaction.atomic
def replay(*, subscriber: Subscriber, delivery_id: int) -> bool:
    """Send a sent or failed post again under the same id; return False if not allowed or done too often."""
    present = lifecycle.lock_if_unchanged(subscriber)
    if present is None or present.state != State.ACTIVE or delivery_id not in replayable(present):
        return False
    if not limits.may_replay(present.pk):
        return False
    delivery = Delivery.objects.filter(pk=delivery_id)
    queued = requeue(delivery, timezone.now())
    transaction.on_commit(enqueue_posts)
    return bool(queued)


def replayable(subscriber: Subscriber) -> set[int]:
    """Return the ids of each incident's newest post, if finished: older ones would be superseded by it anyway."""
    own = Delivery.objects.posted().filter(subscriber=subscriber, letter=Delivery.Letter.UPDATE)
    newest = own.order_by().values("announcement__update__incident").annotate(newest=Max("pk")).values("newest")
    ended = own.filter(pk__in=newest, state__in=[DeliveryState.SENT, DeliveryState.FAILED])
    return set(ended.values_list("pk", flat=True))


def log(subscriber: Subscriber) -> list[Attempt]:
    """Return the latest attempts, newest first."""
    return list(subscriber.attempts.order_by("-at", "-pk")[:LOG_LENGTH])


def _lock_webhook(url: str, owner: str) -> Subscriber | None:
    lifecycle.lock_address(f"{url} {owner}")
    known = Subscriber.objects.webhooks_of(owner).filter(channel=channel_of(url), address=url)
    return known.select_for_update().first()


def _start_opt_in(subscriber: Subscriber | None, url: str, owner: str, choices: Choices) -> Subscriber:
    webhook = subscriber or Subscriber.new(url, owner=owner, channel=channel_of(url))
    webhook = lifecycle.start_opt_in(webhook, url, choices)
    consents.record(webhook, Step.REQUESTED, Method.FORM, CONSENT_TEXT)
    return webhook


def _add_secret(subscriber: Subscriber) -> str:
    if subscriber.channel != Subscriber.Channel.WEBHOOK:
        return ""
    return SigningSecret.objects.create(subscriber=subscriber, value=new_secret()).value


def _bare_code(code: str) -> str:
    return "".join(char for char in code.upper() if char.isascii() and char.isalnum())
