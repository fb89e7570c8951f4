from datetime import datetime

from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from .announcements import Announcement
from .component_updates import ComponentUpdate
from .subscribers import Subscriber


class DeliveryState(models.TextChoices):
    QUEUED = "queued", pgettext_lazy("delivery", "Queued")
    SENDING = "sending", pgettext_lazy("delivery", "Sending")
    DEFERRED = "deferred", pgettext_lazy("delivery", "Deferred")
    UNCERTAIN = "uncertain", pgettext_lazy("delivery", "Uncertain")
    SENT = "sent", pgettext_lazy("delivery", "Sent")
    FAILED = "failed", pgettext_lazy("delivery", "Failed")
    SKIPPED = "skipped", pgettext_lazy("delivery", "Skipped")


S = DeliveryState
# All allowed moves between states. `sending` means in flight, and nothing else: a row
# that a worker has claimed but not started keeps its state and has a holder. `sending`
# returns to `queued` if the worker knows that the message cannot have been accepted;
# `uncertain` means that the connection was lost after the final dot, or that the worker
# died in flight: sent again with the same Message-ID and Date (STANDARDS Q8-Q10).
# A message that was never tried can fail too, if its destination was down for too long.
# A sent message is sent again only at the request of a webhook's owner.
ALLOWED_MOVES: dict[str, frozenset[str]] = {
    S.QUEUED: frozenset({S.SENDING, S.SKIPPED, S.FAILED}),
    S.SENDING: frozenset({S.SENT, S.DEFERRED, S.UNCERTAIN, S.FAILED, S.QUEUED}),
    S.DEFERRED: frozenset({S.SENDING, S.SKIPPED, S.FAILED}),
    S.UNCERTAIN: frozenset({S.SENDING, S.SKIPPED, S.FAILED}),
    S.SENT: frozenset({S.QUEUED}),
    S.FAILED: frozenset({S.QUEUED}),
    S.SKIPPED: frozenset(),
}
WAITING = (S.QUEUED, S.DEFERRED, S.UNCERTAIN)


class SkipReason(models.TextChoices):
    """Why a subscriber was not notified, as a value that can be counted."""

    UNSUBSCRIBED = "unsubscribed", _("Unsubscribed")
    UNCONFIRMED = "unconfirmed", _("Not confirmed")
    PAUSED = "paused", _("Has paused messages")
    SUSPENDED = "suspended", _("Suspended: the address refuses messages")
    OTHER_COMPONENTS = "other_components", _("Subscribed to other components")
    OTHER_KIND = "other_kind", _("Not subscribed to this kind")
    UNFOLLOWED = "unfollowed", _("No longer follows this incident")
    WITHDRAWN = "withdrawn", _("The incident was withdrawn")
    SUPERSEDED = "superseded", _("A newer update replaced it")
    CANCELLED = "cancelled", _("Staff stopped the announcement")
    CONFIRMED = "confirmed", _("Already confirmed")
    HIDDEN = "hidden", _("The component is no longer shown")
    NOTIFIED_RECENTLY = "notified_recently", _("Notified of the maintenance within the last hour")
    TOO_LATE = "too_late", _("The maintenance had started or was cancelled")
    RESTORED = "restored", _("Restored from a backup; it may have been sent before")


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def waiting(self) -> "DeliveryQuerySet":
        return self.filter(state__in=WAITING)

    def by_mail(self) -> "DeliveryQuerySet":
        return self.filter(channel=Subscriber.Channel.EMAIL)

    def posted(self) -> "DeliveryQuerySet":
        """To webhooks and chat channels, over HTTP."""
        return self.exclude(channel=Subscriber.Channel.EMAIL)

    def due(self, now: datetime) -> "DeliveryQuerySet":
        """Waiting, due for an attempt, and not claimed by a worker."""
        paused = Q(announcement__paused_at__isnull=False)
        return self.waiting().filter(holder__isnull=True, next_attempt_at__lte=now).exclude(paused)

    def tried_since_before(self, moment: datetime) -> "DeliveryQuerySet":
        """Those whose time to be tried began before this moment: when they were created, or retried by staff."""
        return self.annotate(trying_since=Coalesce("retried_at", "created_at")).filter(trying_since__lt=moment)


class Delivery(models.Model):
    """One message to one subscriber: an announced update, the status of a component, or one about the subscription.

    `message_id` and `dated_at` are set when the row is created and kept for every
    attempt, so that a receiver can recognise a duplicate (STANDARDS E13).
    `holder` is the worker's job that has claimed the row (see Holder), and `claimed_at` is
    when it did so, or began to send. Both together are the worker's proof of its claim:
    clearing or changing them takes the row away from the worker.

    PostgreSQL does not check the foreign keys: for a million rows that takes as long as
    writing them. They are read from locked rows or in the same statement; announcements
    are deleted only if they were cancelled before they had deliveries, subscribers only
    before they confirm, and component updates when they are old, through the ORM, which
    deletes their deliveries too.
    """

    class Letter(models.TextChoices):
        """The kind of message; the value of one that is emailed is its folder under templates/emails/."""

        UPDATE = "update", _("Update")
        CONFIRMATION = "confirmation", _("Confirmation")
        ALREADY_SUBSCRIBED = "already_subscribed", _("Already subscribed")
        MANAGE = "manage", _("Link to the subscription")
        FOLLOW = "follow", _("Confirmation of following")
        WEBHOOK = "webhook", _("Confirmation of a webhook")
        CODE = "code", _("Code for a webhook")
        WEBHOOK_SUSPENDED = "webhook_suspended", _("Webhook suspended")
        COMPONENT = "component", _("Component status")

    announcement = models.ForeignKey(
        Announcement,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="deliveries",
        verbose_name=_("announcement"),
        db_index=False,  # the unique constraint begins with it
        db_constraint=False,
    )
    component_update = models.ForeignKey(
        ComponentUpdate,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="deliveries",
        verbose_name=_("component update"),
        db_index=False,  # the unique constraint begins with it
        db_constraint=False,
    )
    subscriber = models.ForeignKey(
        Subscriber,
        models.CASCADE,
        related_name="deliveries",
        verbose_name=_("subscriber"),
        db_index=False,  # declared below: Django would create two
        db_constraint=False,
    )
    letter = models.CharField(_("message"), max_length=20, choices=Letter, default=Letter.UPDATE)
    # Messages about the subscription itself are sent by email, also to the owner of a webhook.
    channel = models.CharField(
        _("channel"), max_length=10, choices=Subscriber.Channel, default=Subscriber.Channel.EMAIL
    )
    language = models.CharField(_("language"), max_length=12)
    state = models.CharField(_("state"), max_length=10, choices=DeliveryState, default=DeliveryState.QUEUED)
    skip_reason = models.CharField(_("skipped because"), max_length=20, choices=SkipReason, blank=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_attempt_at = models.DateTimeField(_("next attempt"), default=timezone.now)
    # No foreign key: rows whose holder no longer exists are those that a dead worker left behind.
    holder = models.PositiveIntegerField(_("claimed by"), null=True, blank=True)
    claimed_at = models.DateTimeField(_("claimed"), null=True, blank=True)
    destination = models.CharField(_("destination"), max_length=255, blank=True)
    times_uncertain = models.PositiveSmallIntegerField(_("times uncertain"), default=0)
    # Unique by construction: made of what is announced and the subscriber, or random. An
    # index would cost more than all the others, on every row and every change.
    message_id = models.CharField(_("Message-ID"), max_length=320)
    dated_at = models.DateTimeField(_("dated"), default=timezone.now)
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    reply_code = models.PositiveSmallIntegerField(_("reply code"), null=True, blank=True)
    reply = models.CharField(_("reply"), max_length=500, blank=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    # When staff retried it, or a webhook's owner asked for it: the time after which it is given up begins again.
    retried_at = models.DateTimeField(_("retried"), null=True, blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        constraints = [
            models.UniqueConstraint(fields=["announcement", "subscriber"], name="one_delivery_per_subscriber"),
            models.CheckConstraint(
                condition=Q(letter="update", announcement__isnull=False)
                | ~Q(letter="update") & Q(announcement__isnull=True),
                name="only_updates_are_announced",
            ),
            # Partial, so that it costs the deliveries of announcements nothing.
            models.UniqueConstraint(
                fields=["component_update", "subscriber"],
                condition=Q(component_update__isnull=False),
                name="one_component_post_per_subscriber",
            ),
            models.CheckConstraint(
                condition=Q(letter="component", component_update__isnull=False, channel="webhook")
                | ~Q(letter="component") & Q(component_update__isnull=True),
                name="only_component_posts_have_a_component",
            ),
            models.CheckConstraint(
                condition=Q(state="skipped") & ~Q(skip_reason="") | ~Q(state="skipped") & Q(skip_reason=""),
                name="skipped_delivery_says_why",
            ),
            models.CheckConstraint(
                condition=~Q(state="sending") | Q(holder__isnull=False), name="sending_delivery_has_a_holder"
            ),
            models.CheckConstraint(
                condition=Q(holder__isnull=True, claimed_at__isnull=True)
                | Q(holder__isnull=False, claimed_at__isnull=False),
                name="claimed_delivery_says_when",
            ),
            models.CheckConstraint(
                condition=~Q(state="sent") | Q(sent_at__isnull=False), name="sent_delivery_says_when"
            ),
        ]
        indexes = [
            # A worker's claim: the waiting rows of one announcement (or of none), oldest first.
            models.Index(
                fields=["announcement", "next_attempt_at"],
                condition=Q(state__in=["queued", "deferred", "uncertain"]),
                name="delivery_claim",
            ),
            # A worker's claim of posts, of all announcements.
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(state__in=["queued", "deferred", "uncertain"]) & ~Q(channel="email"),
                name="delivery_claim_post",
            ),
            # One subscriber's deliveries: the data export, and the newsroom's page of a subscriber.
            models.Index(fields=["subscriber"], name="delivery_of_subscriber"),
            # What waits for a destination: newest first for a probe, in batches when it fails or recovers.
            models.Index(
                fields=["destination", "id"],
                condition=Q(state__in=["queued", "deferred", "uncertain"]),
                name="delivery_at_destination",
            ),
            # What a worker has claimed, when it ends or dies.
            models.Index(fields=["holder"], condition=Q(holder__isnull=False), name="delivery_holder"),
            # Delivery status: an announcement's rows by state.
            models.Index(fields=["announcement", "state"], name="delivery_panel"),
            # Delivery status: the destinations that deferred messages, from the index alone, and a reply of each.
            models.Index(
                fields=["announcement", "destination", "id"],
                include=["created_at", "next_attempt_at"],
                condition=Q(state__in=["deferred", "uncertain"]),
                name="delivery_deferred",
            ),
            # Delivery status: how many were sent within the last minute.
            models.Index(fields=["announcement", "sent_at"], condition=Q(state="sent"), name="delivery_sent"),
            # Rejections by policy of the last day; there are few.
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(state__in=["failed", "deferred"], reply__startswith="5.7."),
                name="delivery_rejected",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_letter_display()} {self.message_id}"

    @property
    def is_waiting(self) -> bool:
        return self.state in WAITING
