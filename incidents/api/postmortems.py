"""The postmortem of an incident: an update in the phase `postmortem`, as a draft and public."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as gettext_lazy
from django.utils.translation import gettext_noop
from ninja import Router

from .. import operations
from ..models import Incident, Update
from ..operations import Statement
from ..status import ComponentStatus, Phase
from ..text import Text
from . import answers, schemas, shapes
from .answers import as_json, documented
from .idempotency import once
from .incidents import find
from .requests import actor, needs_to_see_incidents
from .statements import changed_text

router = Router(tags=["postmortems"])
_PATH = "/incidents/{incident_id}/postmortem"
_IS_PUBLIC = gettext_lazy("The postmortem is public. Correct it as one of the incident's updates.")
_ONE = documented(answers.Postmortem)


@router.get(_PATH, response=_ONE, summary=gettext_noop("The postmortem"))
def one(request: HttpRequest, incident_id: str) -> Any:
    """`body_draft` is the text that is not public yet."""
    needs_to_see_incidents(request)
    return as_json(_shape(find(incident_id)))


@router.put(_PATH, response=_ONE, summary=gettext_noop("Write the draft of the postmortem"))
def drafted(request: HttpRequest, incident_id: str, body: schemas.PostmortemBody) -> Any:
    """A public postmortem is corrected as an update instead."""
    given = body.postmortem

    def draft() -> Any:
        incident = find(incident_id)
        row = _draft(incident)
        text = changed_text(row.text if row else Text(), given.body_draft, given.translations, "body")
        if row is not None:
            operations.edit_draft(update=row, statement=_statement(row, text, notify=row.notify), by=actor(request))
        else:
            _refuse_if_none_can_be_written(incident)
            statement = Statement(phase=Phase.POSTMORTEM, text=text, notify=False)
            operations.post_update(incident=incident, statement=statement, by=actor(request), draft=True)
        return _shape(incident)

    return once(request, HTTPStatus.OK, draft)


@router.delete(
    _PATH, response=documented(None, HTTPStatus.NO_CONTENT), summary=gettext_noop("Discard the draft of the postmortem")
)
def discarded(request: HttpRequest, incident_id: str) -> HttpResponse:
    """A public postmortem is not deleted."""

    def discard() -> None:
        incident = find(incident_id)
        row = _draft(incident)
        if row is None and _public(incident) is not None:
            raise ValidationError(_IS_PUBLIC)
        if row is None:
            raise Http404
        operations.discard_draft(update=row, by=actor(request))

    return once(request, HTTPStatus.NO_CONTENT, discard)


@router.put(f"{_PATH}/publish", response=_ONE, summary=gettext_noop("Publish the postmortem"))
def published(request: HttpRequest, incident_id: str, body: schemas.PublicationBody | None = None) -> Any:
    """Subscribers are notified only with `notify_subscribers`."""
    notify = body is not None and body.postmortem.notify_subscribers
    return _changed(request, incident_id, lambda incident: _publish(request, incident, notify=notify))


@router.put(f"{_PATH}/revert", response=_ONE, summary=gettext_noop("Make the postmortem a draft again"))
def reverted(request: HttpRequest, incident_id: str) -> Any:
    """Possible while the announcement is held; later, and if nobody is notified, it is refused."""
    return _changed(request, incident_id, lambda incident: _revert(request, incident))


def _changed(request: HttpRequest, incident_id: str, change: Callable[[Incident], object]) -> Any:
    def run() -> Any:
        incident = find(incident_id)
        change(incident)
        return _shape(incident)

    return once(request, HTTPStatus.OK, run)


def _publish(request: HttpRequest, incident: Incident, *, notify: bool) -> None:
    row = _draft(incident)
    if row is None:
        raise Http404
    statement = _statement(row, row.text, notify=notify)
    operations.edit_draft(update=row, statement=statement, by=actor(request), draft=False)


def _revert(request: HttpRequest, incident: Incident) -> None:
    row = _public(incident)
    if row is None:
        raise Http404
    operations.undo_update(update=row, by=actor(request))


def _shape(incident: Incident) -> answers.Json:
    public, draft = _public(incident), _draft(incident)
    if public is None and draft is None:
        raise Http404
    return shapes.postmortem(public, draft)


def _public(incident: Incident) -> Update | None:
    return incident.updates.public().filter(phase=Phase.POSTMORTEM).newest_first().first()


def _draft(incident: Incident) -> Update | None:
    drafts = incident.updates.select_related("incident").filter(phase=Phase.POSTMORTEM, published_at=None)
    return drafts.newest_first().first()


def _refuse_if_none_can_be_written(incident: Incident) -> None:
    if not incident.is_over:
        raise ValidationError(_("The incident is not over. Resolve it first."))
    if _public(incident) is not None:
        raise ValidationError(_IS_PUBLIC)


def _statement(row: Update, text: Text, *, notify: bool) -> Statement:
    # What the newsroom wrote into the draft stays. A scheduled one is for the newsroom to change.
    if row.is_scheduled:
        raise ValidationError(_("The postmortem is scheduled. Change it in the newsroom."))
    components = {key: ComponentStatus(status) for key, status in row.affected.values_list("component", "status")}
    kept = {name: getattr(row, name) for name in ("quote", "quote_language", "quote_url", "ended_at")}
    return Statement(phase=Phase.POSTMORTEM, text=text, notify=notify, components=components, **kept)
