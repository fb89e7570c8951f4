"""The audit log: who did what, when and from where. Rows are added and never changed; the database refuses."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ..text import Text
from ..wording import words
from .ids import LENGTH


class ActorKind(models.TextChoices):
    PERSON = "person", _("Person")
    TOKEN = "token", _("API token")
    AGENT = "agent", _("Agent")
    COMMAND = "command", _("Command on the server")
    SCHEDULER = "scheduler", _("Scheduler")


class AuditEntry(models.Model):
    """One operation on one object.

    There are no foreign keys: an entry outlives the account that acted and the object it is about. Triggers number the
    entries without gaps, set both hashes, and refuse UPDATE, DELETE and TRUNCATE (see its migration).
    """

    at = models.DateTimeField(_("time"), default=timezone.now)
    actor_kind = models.CharField(_("actor"), max_length=12, choices=ActorKind)
    # Of a token, which agents have, too: its name, and in brackets the log-in name of its owner, who has the columns
    # `user` and `roles`.
    actor_name = models.CharField(_("name"), max_length=220)
    api_token = models.CharField(_("API token"), max_length=LENGTH, null=True)  # noqa: DJ001 - most have none
    user = models.BigIntegerField(_("account"), null=True)
    roles = models.JSONField(_("roles"), default=list)
    network = models.CharField(_("network"), max_length=64, blank=True)
    operation = models.CharField(_("operation"), max_length=60)
    kind = models.CharField(_("kind of object"), max_length=40, blank=True)
    object_id = models.CharField(_("id"), max_length=64, blank=True)
    # {language: text}; the language of a name such as that of a person is "".
    object_name = models.JSONField(_("object"), default=dict, blank=True)
    incident_id = models.CharField(_("incident"), max_length=LENGTH, null=True)  # noqa: DJ001 - most have no incident
    before = models.JSONField(_("before"), default=dict, blank=True)
    after = models.JSONField(_("after"), default=dict, blank=True)
    # Set by the database, and returned by INSERT because they have database defaults.
    previous_hash = models.CharField(max_length=64, db_default="", editable=False)
    hash = models.CharField(max_length=64, db_default="", editable=False)

    class Meta:
        ordering = ("-id",)
        default_permissions = ("view",)
        verbose_name = _("audit log entry")
        verbose_name_plural = _("audit log entries")
        constraints = [models.UniqueConstraint(fields=["previous_hash"], name="audit_chain_has_no_forks")]
        indexes = [
            # The history page of an incident.
            models.Index(
                fields=["incident_id", "id"], condition=Q(incident_id__isnull=False), name="audit_of_incident"
            ),
            # The history page of any other object, and who saved it last.
            models.Index(fields=["kind", "object_id", "id"], name="audit_of_object"),
            # The filters of the list.
            models.Index(fields=["kind", "id"], name="audit_by_kind"),
            models.Index(fields=["operation", "id"], name="audit_by_operation"),
            models.Index(fields=["user", "id"], name="audit_by_user"),
            models.Index(fields=["at"], name="audit_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.operation} {self.kind} {self.object_id}".rstrip()

    @property
    def actor(self) -> str:
        """Who acted: a log-in name, a token, the name of a command, or the scheduler, in the reader's language."""
        if self.actor_kind == ActorKind.SCHEDULER:
            return str(ActorKind.SCHEDULER.label)
        if self.actor_kind == ActorKind.TOKEN:
            return gettext("token {name}").format(name=self.actor_name)
        if self.actor_kind == ActorKind.AGENT:
            return gettext("agent {name}").format(name=self.actor_name)
        return self.actor_name

    @property
    def shown_name(self) -> str:
        """The name of the object in the reader's language, or "" if it has none."""
        return words(Text(self.object_name))
