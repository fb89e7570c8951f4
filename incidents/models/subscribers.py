from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Upper
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from ..masks import masked, without_addresses
from ..status import FINAL_PHASES
from .components import Component
from .fields import IdField
from .incidents import Incident
from .updates import Update


class SubscriberQuerySet(models.QuerySet["Subscriber"]):
    def webhooks_of(self, owner: str) -> "SubscriberQuerySet":
        """Webhooks and chat channels of whoever reads mail at this address."""
        return self.filter(owner__iexact=owner).exclude(owner="")

    def active(self) -> "SubscriberQuerySet":
        """Those who confirmed and have not left: the only ones who may be told anything."""
        return self.filter(state=Subscriber.State.ACTIVE)

    def by_mail(self, address: str) -> "SubscriberQuerySet":
        """Whoever reads mail at this address; case does not matter, as it matters to no mail host."""
        # The excluded empty address is what lets PostgreSQL use the index of `mail_address_once`.
        return self.filter(channel=Subscriber.Channel.EMAIL, address__iexact=address).exclude(address="")


class Subscriber(models.Model):
    """Somebody who asked to be told. `state` is moved by `subscriptions` and `notifications` alone.

    One who had everything erased stays as a row without an address, so that the
    ledger still adds up and says nothing about anybody.
    """

    class Channel(models.TextChoices):
        EMAIL = "email", _("Email")
        WEBHOOK = "webhook", _("Webhook")
        SLACK = "slack", "Slack"
        TEAMS = "teams", "Teams"

    class ConsentMethod(models.TextChoices):
        FORM = "form", pgettext_lazy("consent", "Form, confirmed by email")
        IMPORT = "import", pgettext_lazy("consent", "Import")

    class State(models.TextChoices):
        PENDING = "pending", pgettext_lazy("subscriber", "Not confirmed yet")
        ACTIVE = "active", pgettext_lazy("subscriber", "Active")
        UNSUBSCRIBED = "unsubscribed", pgettext_lazy("subscriber", "Unsubscribed")
        SUSPENDED = "suspended", pgettext_lazy("subscriber", "Suspended")

    id = IdField()
    channel = models.CharField(_("channel"), max_length=10, choices=Channel, default=Channel.EMAIL)
    address = models.CharField(_("address"), max_length=500, blank=True, help_text=_("Empty once it is erased."))
    owner = models.CharField(
        _("owner"),
        max_length=254,
        blank=True,
        help_text=_("The email address of the webhook's owner. Empty for email."),
    )
    language = models.CharField(_("language"), max_length=12)
    state = models.CharField(_("state"), max_length=12, choices=State, default=State.PENDING)
    wants_incidents = models.BooleanField(_("incidents"), default=True)
    wants_maintenance = models.BooleanField(_("planned maintenance"), default=True)
    components = models.ManyToManyField(
        Component, blank=True, related_name="subscribers", verbose_name=_("components"), help_text=_("None means all.")
    )
    time_zone = models.CharField(_("time zone"), max_length=63, blank=True, help_text=_("Empty means the page's."))
    # Counts sign-ups: a confirmation link works for its own round only, so for one opt-in.
    opt_in_round = models.PositiveIntegerField(default=1)
    consent_text = models.CharField(_("consent text"), max_length=20, blank=True)  # version of the wording agreed to
    consent_method = models.CharField(
        _("consent given by"), max_length=10, choices=ConsentMethod, default=ConsentMethod.FORM
    )
    consent_source = models.CharField(
        _("source of the consent"), max_length=200, blank=True, help_text=_("Where an imported consent was given.")
    )
    requested_at = models.DateTimeField(_("signed up"), default=timezone.now)
    confirmed_at = models.DateTimeField(_("confirmed"), null=True, blank=True)
    left_at = models.DateTimeField(_("left"), null=True, blank=True)
    paused_until = models.DateTimeField(_("paused until"), null=True, blank=True)
    suspended_because = models.CharField(_("suspended because"), max_length=500, blank=True)
    # All that is left of an erased address: a keyed hash, so that no import brings it back.
    erased_key = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = SubscriberQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        verbose_name = _("subscriber")
        verbose_name_plural = _("subscribers")
        constraints = [
            # Looked up by `address__iexact`, which compares in upper case.
            models.UniqueConstraint(
                Upper("address"), condition=Q(channel="email") & ~Q(address=""), name="mail_address_once"
            ),
            # Several may name the same webhook: each has shown that they read what arrives there.
            models.UniqueConstraint(
                "channel",
                "address",
                Upper("owner"),
                condition=~Q(channel="email") & ~Q(address=""),
                name="webhook_once_per_owner",
            ),
            models.CheckConstraint(
                condition=Q(channel="email", owner="") | Q(address="", owner="") | ~Q(channel="email") & ~Q(owner=""),
                name="webhook_has_an_owner",
            ),
            models.CheckConstraint(
                condition=~Q(address="") | Q(state="unsubscribed"), name="erased_subscriber_has_left"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["pending", "active", "unsubscribed", "suspended"]),
                name="subscriber_state_is_known",
            ),
            models.CheckConstraint(
                condition=~Q(state="active") | Q(confirmed_at__isnull=False), name="active_subscriber_has_confirmed"
            ),
        ]
        indexes = [
            # The audience of an announcement: active subscribers, in an order the expansion can batch by.
            models.Index(fields=["id"], condition=Q(state="active"), name="subscriber_active"),
            # Retention: sign-ups that nobody confirmed, oldest first.
            models.Index(fields=["requested_at"], condition=Q(state="pending"), name="subscriber_unconfirmed"),
            # Whose webhooks: a link to each is mailed on request.
            models.Index(Upper("owner"), condition=~Q(owner=""), name="subscriber_owner"),
            # An import: was this address erased?
            models.Index(fields=["erased_key"], condition=~Q(erased_key=""), name="subscriber_erased"),
        ]

    def __str__(self) -> str:
        """Masked, because Django's log of what staff did keeps it when the address is erased."""
        return self.masked_address or f"– {self.pk}"

    @property
    def is_mail(self) -> bool:
        return self.channel == self.Channel.EMAIL

    @property
    def mail_address(self) -> str:
        """Where we write to them about the subscription itself."""
        return self.address if self.is_mail else self.owner

    @property
    def masked_address(self) -> str:
        """What staff see who may not see addresses; empty once it is erased."""
        return masked(self.address)

    def masked_reply(self, said: str) -> str:
        """What a server said about the address, for the same staff."""
        return without_addresses(said, self.mail_address)

    @property
    def reading_language(self) -> str:
        """Their language, or the page's where the page no longer has it."""
        return self.language if self.language in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE


class IncidentChoiceQuerySet(models.QuerySet["IncidentChoice"]):
    def confirmed(self) -> "IncidentChoiceQuerySet":
        return self.filter(confirmed_at__isnull=False)

    def followed(self) -> "IncidentChoiceQuerySet":
        """Somebody confirmed that they want to hear of it."""
        return self.confirmed().filter(told=True)

    def ended_before(self, moment: datetime) -> "IncidentChoiceQuerySet":
        """Nothing has been said of the incident after `moment`, and it was over or withdrawn by then."""
        said_later = Update.objects.filter(incident=OuterRef("incident"), published_at__gt=moment)
        ended = Q(incident__phase__in=FINAL_PHASES, incident__published_at__isnull=False) & ~Exists(said_later)
        return self.filter(ended | Q(incident__withdrawn_at__lte=moment))


class IncidentChoice(models.Model):
    """What a subscriber chose about one incident: to hear of it (`told`), or to hear no more of it.

    The choice goes before every other that the subscriber made. Following needs a
    confirmation as signing up does; the row is deleted when the incident is long over.
    """

    subscriber = models.ForeignKey(
        Subscriber, models.CASCADE, related_name="incident_choices", verbose_name=_("subscriber"), db_index=False
    )
    incident = models.ForeignKey(Incident, models.CASCADE, related_name="single_choices", verbose_name=_("incident"))
    told = models.BooleanField(_("wants to hear of it"), default=True)
    requested_at = models.DateTimeField(_("requested"), default=timezone.now)
    confirmed_at = models.DateTimeField(_("confirmed"), null=True, blank=True)

    objects = IncidentChoiceQuerySet.as_manager()

    class Meta:
        verbose_name = _("choice about an incident")
        verbose_name_plural = _("choices about incidents")
        constraints = [
            # Also the index for one subscriber's choices. Who wants no more may be asked whether they do again.
            models.UniqueConstraint(fields=["subscriber", "incident", "told"], name="one_choice_per_incident"),
        ]

    def __str__(self) -> str:
        return f"{self.incident_id}: {self.told}"


class LetterLimit(models.Model):
    """One bucket of the sign-up limits; `key` is a keyed hash of what is limited. See `subscriptions.limits`."""

    key = models.CharField(primary_key=True, max_length=64)
    free_at = models.DateTimeField()  # when the bucket is empty again
    uses = models.PositiveIntegerField()  # since the owner of an address last acted on a letter
    keep_until = models.DateTimeField()

    class Meta:
        verbose_name = _("sign-up limit")
        verbose_name_plural = _("sign-up limits")
        indexes = [
            # The retention job.
            models.Index(fields=["keep_until"], name="letter_limit_old"),
        ]

    def __str__(self) -> str:
        return self.key
