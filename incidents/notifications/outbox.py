"""The outbox: what subscribers are notified of, written in the transaction of the operation that causes it.

An announcement, or a change of a component's status, is expanded into deliveries once
its hold is over (see `release`). A single message, such as a confirmation, is a
delivery from the start.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from ..models import Announcement, Component, ComponentUpdate, Delivery, Subscriber, Update
from ..models.ids import new_id
from . import addressing, queues
from .ledger import mx

# Posted to the webhook itself: reading a code proves control of it. All others are sent by email.
_POSTED = {Delivery.Letter.CODE, Delivery.Letter.COMPONENT}
EMAIL_KINDS: list[str] = [kind for kind in Delivery.Letter if kind not in _POSTED]


def announce(update: Update) -> Announcement:
    """Announce this update to subscribers once the hold is over."""
    return _add(update, Announcement.Reason.UPDATE)


def announce_correction(update: Update) -> Announcement:
    """Announce the corrected text, unless an announcement of the update is still held: it will contain the text."""
    held = Announcement.objects.held_for_all(update).first()
    return held or _add(update, Announcement.Reason.CORRECTION)


def announce_translation(update: Update, languages: Sequence[str]) -> Announcement:
    """Announce the text to subscribers of these languages who got it in another one.

    If an announcement of the update is still held, it will contain the text.
    """
    # Locked, so that it is not released before the languages are added.
    held = Announcement.objects.held_for_all(update).select_for_update().first()
    if held is None:
        return _add(update, Announcement.Reason.TRANSLATION, languages)
    if held.reason == Announcement.Reason.TRANSLATION:
        held.languages = sorted({*held.languages, *languages})
        held.save(update_fields=["languages"])
    return held


def announce_reminder(update: Update) -> Announcement:
    """Announce once more what the newest update of planned maintenance says, before it starts."""
    return _add(update, Announcement.Reason.REMINDER)


def _add(update: Update, reason: Announcement.Reason, languages: Sequence[str] = ()) -> Announcement:
    now = timezone.now()
    return Announcement.objects.create(
        update=update, reason=reason, languages=list(languages), created_at=now, hold_until=_end_of_hold(now)
    )


def record_status_changes(
    changes: Sequence[tuple[Component, str]], *, announce: bool, update: Update | None = None
) -> None:
    """Notify webhooks, once the hold is over, of components that changed; each comes with its former status.

    A change is merged into one of the same component that is still held, even if it is not to be
    announced itself: what is posted must be true. `update` is the update that announces the
    changes. Call inside a transaction that has locked the components.
    """
    if not changes:
        return
    by_id = {component.pk: component for component, _old in changes}
    held = list(ComponentUpdate.objects.held().select_for_update().filter(component__in=by_id).order_by("pk"))
    for row in held:
        _merge(row, by_id.pop(row.component_id), announce=announce, update=update)
    ComponentUpdate.objects.bulk_update(held, ["new_status", "created_at", "cancelled_at", "hold_until", "update"])
    if announce:
        visible = [(component, old) for component, old in changes if component.pk in by_id and not component.hidden]
        ComponentUpdate.objects.bulk_create(_status_change(component, old, update) for component, old in visible)


def _status_change(component: Component, old: str, update: Update | None) -> ComponentUpdate:
    now = timezone.now()
    return ComponentUpdate(
        component=component,
        update=update,
        old_status=old,
        new_status=component.status,
        created_at=now,
        hold_until=_end_of_hold(now),
    )


def _merge(row: ComponentUpdate, component: Component, *, announce: bool, update: Update | None) -> None:
    now = timezone.now()
    row.new_status, row.created_at = component.status, now
    if row.new_status == row.old_status:
        row.cancelled_at = now
    if announce:
        row.hold_until = _end_of_hold(now)
        row.update = update if update is not None and row.update_id == update.pk else None


def _end_of_hold(now: datetime) -> datetime:
    return now + timedelta(seconds=settings.ANNOUNCEMENT_HOLD)


def queue_message(subscriber: Subscriber, kind: Delivery.Letter | str) -> Delivery:
    """Create a single message to one subscriber; once the transaction has committed, a worker sends it."""
    delivery = create_message(subscriber, kind)
    by_email = delivery.channel == Subscriber.Channel.EMAIL
    transaction.on_commit(lambda: queues.enqueue_messages() if by_email else queues.enqueue_posts())
    return delivery


def create_message(subscriber: Subscriber, kind: Delivery.Letter | str) -> Delivery:
    """Create the message without enqueueing a job: a running worker or the next sweep finds it."""
    is_posted = kind in _POSTED
    address = subscriber.address if is_posted else subscriber.mail_address
    destination = addressing.webhook_origin(address) if is_posted else mx.group_of(addressing.mail_domain(address))
    return Delivery.objects.create(
        subscriber=subscriber,
        letter=kind,
        channel=subscriber.channel if is_posted else Subscriber.Channel.EMAIL,
        language=subscriber.reading_language,
        destination=destination,
        message_id=f"<{new_id()}.{subscriber.pk}@{settings.SITE_HOST}>",
        dated_at=timezone.now().replace(microsecond=0),
    )
