from datetime import datetime
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.expressions import RawSQL
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from ..identity import canonical, readable
from ..masks import masked, without_addresses
from ..status import FINAL_PHASES
from .components import Component
from .fields import IdField
from .ids import LENGTH
from .incidents import Incident
from .text_search import ADDRESS_PARTS, MAX_WORDS, address_term
from .updates import Update

# A subquery, as in `incidents_with`.
_HAS_PARTS = f"{ADDRESS_PARTS} @@ (SELECT to_tsquery('simple', search_folded(%s)))"


class SubscriberQuerySet(models.QuerySet["Subscriber"]):
    def webhooks_of(self, owner: str) -> "SubscriberQuerySet":
        """Webhooks and chat channels whose owner has this email address, in any spelling."""
        # Excluding the empty owner lets PostgreSQL use the index `subscriber_owner`.
        return self.filter(canonical_address=canonical(owner)).exclude(owner="")

    def containing(self, query: str) -> "SubscriberQuerySet":
        """Return those with each word of the query, or a word that begins with it, in the address or the owner's.

        An id finds its subscriber.
        """
        same = self.filter(pk=query.strip())
        if len(query.strip()) == LENGTH and same.exists():
            return same
        found = self if query.strip() else self.none()
        for term in _address_terms(query):
            found = found.filter(RawSQL(_HAS_PARTS, [term], models.BooleanField()))  # noqa: S611 - own names
        return found

    def active(self) -> "SubscriberQuerySet":
        """Confirmed and neither unsubscribed nor suspended: only these may be notified."""
        return self.filter(state=Subscriber.State.ACTIVE)

    def by_mail(self, address: str) -> "SubscriberQuerySet":
        """The email subscriber with this address, in any spelling; see `identity`."""
        # Excluding the empty address lets PostgreSQL use the index of `mail_address_once`.
        mail = self.filter(channel=Subscriber.Channel.EMAIL, canonical_address=canonical(address))
        return mail.exclude(canonical_address="")


def with_address(query: str) -> Q:
    """Match rows of subscribers whose address, or its owner's, `SubscriberQuerySet.containing` finds."""
    found = Q()
    for term in _address_terms(query):
        subscribers = RawSQL(f"SELECT id FROM incidents_subscriber WHERE {_HAS_PARTS}", [term])  # noqa: S608, S611
        found &= Q(subscriber__in=subscribers)
    return found


def _address_terms(query: str) -> list[str]:
    # Domains are stored in ASCII, so words are compared in that form, too.
    return [address_term({word, canonical(word)}) for word in query.split()[:MAX_WORDS]]


class Subscriber(models.Model):
    """A subscriber. Only `subscriptions` and `notifications` change `state`.

    An erased subscriber remains as a row without an address, so that the ledger still
    adds up but identifies nobody.
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
    # Of `mail_address`, for comparison; see `new`.
    canonical_address = models.CharField(max_length=320, blank=True, editable=False)
    language = models.CharField(_("language"), max_length=12)
    state = models.CharField(_("state"), max_length=12, choices=State, default=State.PENDING)
    wants_incidents = models.BooleanField(_("incidents"), default=True)
    wants_maintenance = models.BooleanField(_("planned maintenance"), default=True)
    components = models.ManyToManyField(
        Component, blank=True, related_name="subscribers", verbose_name=_("components"), help_text=_("None means all.")
    )
    time_zone = models.CharField(_("time zone"), max_length=63, blank=True, help_text=_("Empty means the page's."))
    # Counts opt-ins: a confirmation link is valid for its own round only.
    opt_in_round = models.PositiveIntegerField(default=1)
    consent_text = models.CharField(_("consent text"), max_length=20, blank=True)  # version of the wording agreed to
    consent_method = models.CharField(
        _("consent given by"), max_length=10, choices=ConsentMethod, default=ConsentMethod.FORM
    )
    consent_source = models.CharField(
        _("source of the consent"), max_length=200, blank=True, help_text=_("Where an imported consent was given.")
    )
    # Of an imported subscriber, each is empty if the source did not contain it.
    requested_at = models.DateTimeField(_("signed up"), default=timezone.now, null=True, blank=True)
    confirmed_at = models.DateTimeField(_("confirmed"), null=True, blank=True)
    left_at = models.DateTimeField(_("left"), null=True, blank=True)
    paused_until = models.DateTimeField(_("paused until"), null=True, blank=True)
    suspended_because = models.CharField(_("suspended because"), max_length=500, blank=True)
    # A keyed hash of an erased address, so that no import brings it back.
    erased_key = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = SubscriberQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        verbose_name = _("subscriber")
        verbose_name_plural = _("subscribers")
        constraints = [
            models.UniqueConstraint(
                fields=["canonical_address"],
                condition=Q(channel="email") & ~Q(canonical_address=""),
                name="mail_address_once",
            ),
            # Several owners may share a webhook: each has proved that they can read what arrives there.
            models.UniqueConstraint(
                fields=["channel", "address", "canonical_address"],
                condition=~Q(channel="email") & ~Q(address=""),
                name="webhook_once_per_owner",
            ),
            models.CheckConstraint(
                condition=Q(channel="email", owner="") | Q(address="", owner="") | ~Q(channel="email") & ~Q(owner=""),
                name="webhook_has_an_owner",
            ),
            models.CheckConstraint(
                condition=Q(address="", canonical_address="") | ~Q(address="") & ~Q(canonical_address=""),
                name="canonical_address_until_erased",
            ),
            models.CheckConstraint(
                condition=~Q(address="") | Q(state="unsubscribed"), name="erased_subscriber_has_left"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["pending", "active", "unsubscribed", "suspended"]),
                name="subscriber_state_is_known",
            ),
            models.CheckConstraint(
                condition=~Q(state="active") | Q(confirmed_at__isnull=False) | Q(consent_method="import"),
                name="active_subscriber_has_confirmed",
            ),
            models.CheckConstraint(
                condition=Q(requested_at__isnull=False) | Q(consent_method="import"),
                name="sign_up_time_is_known_unless_imported",
            ),
        ]
        indexes = [
            # The newsroom's list.
            models.Index(fields=["-created_at", "-id"], name="subscriber_newest"),
            # The audience of an announcement: active subscribers, read in batches by id.
            models.Index(fields=["id"], condition=Q(state="active"), name="subscriber_active"),
            # Retention: unconfirmed sign-ups, oldest first.
            models.Index(fields=["requested_at"], condition=Q(state="pending"), name="subscriber_unconfirmed"),
            # Retention: addresses of those who left long ago.
            models.Index(
                fields=["left_at"], condition=Q(state="unsubscribed") & ~Q(address=""), name="subscriber_departed"
            ),
            # An owner's webhooks: a manage link for each is emailed on request.
            models.Index(fields=["canonical_address"], condition=~Q(owner=""), name="subscriber_owner"),
            # The import checks whether an address was erased.
            models.Index(fields=["erased_key"], condition=~Q(erased_key=""), name="subscriber_erased"),
        ]

    def __str__(self) -> str:
        # Without the address, because Django's admin log keeps it after the address is erased.
        return f"{self.Channel(self.channel).label} {self.pk}"

    @classmethod
    def new(cls, address: str, *, owner: str = "", **fields: Any) -> Self:
        """Return a subscriber that is not saved yet."""
        return cls(**cls.values(address, owner=owner, **fields))

    @staticmethod
    def values(address: str, *, owner: str = "", **fields: Any) -> dict[str, Any]:
        """Return the values of a new row; all are made here, so that none lacks its canonical address."""
        return {"address": address, "owner": owner, "canonical_address": canonical(owner or address), **fields}

    @property
    def is_mail(self) -> bool:
        return self.channel == self.Channel.EMAIL

    @property
    def mail_address(self) -> str:
        """The address for messages about the subscription itself."""
        return self.address if self.is_mail else self.owner

    @property
    def masked_address(self) -> str:
        """For staff without permission to see addresses; empty once erased."""
        return masked(self.readable_address)

    @property
    def readable_address(self) -> str:
        """For staff with that permission; empty once erased."""
        return readable(self.address)

    def masked_reply(self, said: str) -> str:
        """Return a server's reply without the address, for the same staff."""
        return without_addresses(said, self.mail_address)

    @property
    def reading_language(self) -> str:
        """The subscriber's language, or the default if the page no longer has it."""
        return self.language if self.language in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE


class IncidentChoiceQuerySet(models.QuerySet["IncidentChoice"]):
    def confirmed(self) -> "IncidentChoiceQuerySet":
        return self.filter(confirmed_at__isnull=False)

    def followed(self) -> "IncidentChoiceQuerySet":
        """Confirmed choices to be notified of an incident."""
        return self.confirmed().filter(told=True)

    def ended_before(self, moment: datetime) -> "IncidentChoiceQuerySet":
        """The incident was over or withdrawn by `moment`, without updates since."""
        later_updates = Update.objects.filter(incident=OuterRef("incident"), published_at__gt=moment)
        ended = Q(incident__phase__in=FINAL_PHASES, incident__published_at__isnull=False) & ~Exists(later_updates)
        return self.filter(ended | Q(incident__withdrawn_at__lte=moment))


class IncidentChoice(models.Model):
    """A subscriber's choice about one incident: to be notified of it (`told`), or not any more.

    It overrides all other choices of the subscriber. Following needs a confirmation, as
    a sign-up does; the row is deleted some time after the incident has ended.
    """

    subscriber = models.ForeignKey(
        Subscriber, models.CASCADE, related_name="incident_choices", verbose_name=_("subscriber"), db_index=False
    )
    incident = models.ForeignKey(Incident, models.CASCADE, related_name="single_choices", verbose_name=_("incident"))
    told = models.BooleanField(_("wants to be notified"), default=True)
    requested_at = models.DateTimeField(_("requested"), default=timezone.now)
    confirmed_at = models.DateTimeField(_("confirmed"), null=True, blank=True)

    objects = IncidentChoiceQuerySet.as_manager()

    class Meta:
        verbose_name = _("choice about an incident")
        verbose_name_plural = _("choices about incidents")
        constraints = [
            # Also the index for one subscriber's choices. `told` is included, because a subscriber who unfollowed an
            # incident can have an unconfirmed request to follow it again.
            models.UniqueConstraint(fields=["subscriber", "incident", "told"], name="one_choice_per_incident"),
        ]

    def __str__(self) -> str:
        return f"{self.incident_id}: {self.told}"
