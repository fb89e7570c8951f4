"""Verbs for updates: post, edit a draft, publish, correct, discard."""

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..merging import Snapshot
from ..models import ActorKind, AffectedComponent, Component, Incident, Update, UpdateRevision, Version
from ..models.ids import new_id
from ..notifications.outbox import announce_correction
from ..publishing import stale
from ..staff import audit, rights
from ..staff.actors import SCHEDULER, Actor
from ..status import ComponentStatus, Phase
from ..text import Text
from . import moves, placeholders, report, snapshots, versions
from .effects import make_public, named_components
from .recording import verb
from .statements import BACKDATED, Statement, check_statement


@verb
def post_update(
    *, incident: Incident, statement: Statement, by: Actor, draft: bool = False, opened: Snapshot | None = None
) -> Update:
    """Add an update: public at once, at `publish_at`, or as a draft. Raises ValidationError by field.

    Raises Collision if its form was opened on another state of the incident.
    """
    by.needs(rights.change(incident.kind) if draft else rights.publish(incident.kind))
    incident = lock(incident)
    if opened is not None:
        snapshots.check_unchanged(opened, snapshots.of_state(incident))
    check_statement(incident, statement, draft=draft)
    return add_update(incident, statement, by=by, draft=draft)


@verb
def edit_draft(
    *, update: Update, statement: Statement, by: Actor, draft: bool = True, opened: Snapshot | None = None
) -> Update:
    """Rewrite an update that is not public yet; with `draft=False`, publish or schedule it too.

    Raises Collision if its form was opened on another draft, or is to publish after an update that it does not show.
    """
    locked = _lock_draft(update)
    by.needs(_right_of(locked, draft=draft))
    if opened is not None:
        snapshots.check_draft(opened, locked, publishing=not draft)
    check_statement(locked.incident, statement, draft=draft)
    return _store(locked, locked.incident, statement, by=by, draft=draft, before=versions.draft_now(locked))


@verb
def publish_draft(*, update: Update, by: Actor, opened: Snapshot | None = None) -> Update:
    """Publish a draft or scheduled update now, and its incident with it. Raises Collision if it has changed."""
    by.needs(rights.publish(update.incident.kind))
    locked = _lock_draft(update)
    if opened is not None:
        snapshots.check_draft(opened, locked, publishing=True)
    if not locked.is_scheduled and locked.at > locked.created_at - BACKDATED:
        locked.at = timezone.now()  # a draft gets the time of publication; a backdated one keeps its own
    check_statement(locked.incident, _as_statement(locked), draft=False)
    placeholders.check(locked)
    moves.check(locked)
    locked.author_id = locked.author_id or by.user_id
    make_public(locked)
    return locked


@transaction.atomic
def publish_due(*, update: Update) -> bool:
    """Publish a scheduled update if it is still due. Return whether it was published."""
    # The turn and the incident first, as in every verb.
    audit.take_turn()
    Incident.objects.select_for_update().filter(pk=update.incident_id).first()
    locked = Update.objects.select_for_update().filter(pk=update.pk, published_at=None).first()
    if locked is None or locked.publish_at is None or locked.publish_at > timezone.now():
        return False
    publish_draft(update=locked, by=SCHEDULER)
    return True


@verb
def discard_draft(*, update: Update, by: Actor) -> None:
    """Delete an update that is not public, and its incident if that is a draft without updates."""
    locked = _lock_draft(update)
    by.needs(_right_of(locked, draft=True))
    locked.announcements.all().delete()  # cancelled when the update was undone: they notified nobody
    locked.delete()
    if not locked.incident.is_public and not locked.incident.updates.exists():
        locked.incident.delete()


@verb
def correct_update(
    *,
    update: Update,
    text: Text,
    quote: str | None = None,
    quote_language: str | None = None,
    quote_url: str | None = None,
    notify: bool = False,
    by: Actor,
    opened: Snapshot | None = None,
) -> Update:
    """Replace the text of a public update. Earlier versions are kept, and readers see that it was edited.

    Fields that are None stay. `notify` announces the correction to subscribers, unless the
    incident is withdrawn; for a typo, leave it out. Raises Collision if its form was opened on another text.
    """
    by.needs(rights.publish(update.incident.kind))
    incident = lock(update.incident)
    update = Update.objects.select_for_update().get(pk=update.pk)
    update.incident = incident
    snapshots.check_unchanged(opened, snapshots.of_text(update))
    given = {"text": text, "quote": quote, "quote_language": quote_language, "quote_url": quote_url}
    if not replace_text(update, {name: value for name, value in given.items() if value is not None}, by=by):
        return update
    if notify and incident.published_at is not None:
        report.record_correction(update)
        announce_correction(update)
    return update


def replace_text(update: Update, given: dict[str, Any], *, by: Actor, is_correction: bool = True) -> bool:
    """Replace texts of a locked public update and keep the earlier ones; False if nothing changes.

    Readers see that it was edited only if `is_correction`.
    """
    earlier = _text_fields(update)
    for name, value in given.items():
        setattr(update, name, value)
    check_text_fields(update)
    if _text_fields(update) == earlier:
        return False
    if is_correction:
        update.corrected_at = timezone.now()
    update.save()
    UpdateRevision.objects.create(update=update, replaced_by_id=by.user_id, **earlier)
    stale.mark_incident(update.incident, named_components(update.incident))
    return True


def _text_fields(update: Update) -> dict[str, Any]:
    # The fields that a correction may change and a revision keeps.
    return {name: getattr(update, name) for name in snapshots.TEXT_FIELDS}


def check_text_fields(update: Update) -> None:
    if not update.text and not update.quote:
        raise ValidationError({"text": _("Write the text in at least one language.")})
    if update.quote and not update.quote_language:
        raise ValidationError({"quote_language": _("Choose the language of the quoted statement.")})
    update.full_clean(validate_constraints=False, exclude=["incident"])


def lock(incident: Incident) -> Incident:
    """The current incident, locked until the transaction ends, so that verbs on one incident run in turn."""
    return Incident.objects.select_for_update().get(pk=incident.pk)


def add_update(incident: Incident, statement: Statement, *, by: Actor, draft: bool) -> Update:
    # The name stays on the draft when a person edits it.
    agent = by.token.name if draft and by.token and by.kind == ActorKind.AGENT else ""
    return _store(Update(id=statement.id or new_id(), agent=agent), incident, statement, by=by, draft=draft)


def _store(
    update: Update,
    incident: Incident,
    statement: Statement,
    *,
    by: Actor,
    draft: bool,
    before: Version | None = None,
) -> Update:
    update.incident = incident
    update.phase, update.text = statement.phase, statement.text
    update.quote, update.quote_url = statement.quote, statement.quote_url
    update.quote_language = statement.quote_language
    update.at = statement.at or timezone.now()
    update.ended_at = statement.ended_at if statement.phase.is_final else None
    update.notify = statement.should_notify(opening=not incident.is_public and not incident.is_withdrawn)
    update.next_update_by = statement.next_update_by
    update.publish_at = statement.publish_at if not draft else None
    update.author_id = by.user_id
    if statement.move is not None:
        moves.record_move(update, statement.move)
    # The author is the actor, and ids are unique by chance; a form sent twice is refused by the database.
    update.full_clean(validate_unique=False, validate_constraints=False, exclude=["incident", "author"])
    update.save()
    _store_components(update, statement, replacing=before is not None)
    if before is not None or draft or update.is_scheduled:
        versions.record_draft(update, before)
    if not draft:
        placeholders.check(update)
    if not draft and statement.publish_at is None:
        make_public(update)
    return update


def _store_components(update: Update, statement: Statement, *, replacing: bool) -> None:
    known = Component.objects.filter(pk__in=statement.components).values_list("pk", flat=True)
    if set(statement.components) - set(known):
        raise ValidationError({"components": _("There is no such component.")})
    if replacing:
        AffectedComponent.objects.filter(update=update).delete()
    AffectedComponent.objects.bulk_create(
        AffectedComponent(update=update, component_id=key, status=status)
        for key, status in sorted(statement.components.items())
    )


def _as_statement(update: Update) -> Statement:
    # A stored draft as a statement, for the checks. Its time is now unless it was backdated.
    at: datetime | None = None if update.publish_at else update.at
    components = {key: ComponentStatus(status) for key, status in update.affected.values_list("component", "status")}
    return Statement(
        phase=Phase(update.phase), components=components, at=at, ended_at=update.ended_at, **_text_fields(update)
    )


def _right_of(update: Update, *, draft: bool) -> str:
    # What a change of an update needs that is not public: a scheduled one was going to be.
    kind = update.incident.kind
    return rights.change(kind) if draft and not update.is_scheduled else rights.publish(kind)


def _lock_draft(update: Update) -> Update:
    # The current update, with its incident locked. Raises ValidationError if it has been published.
    incident = lock(update.incident)
    locked = Update.objects.select_for_update().get(pk=update.pk)
    locked.incident = incident
    if locked.is_public:
        raise ValidationError(_("This update is public already. Correct it instead."))
    return locked
