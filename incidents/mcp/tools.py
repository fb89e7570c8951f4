"""The tools that agents are offered: what each is for, what it takes, the right it needs, and what it does."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from .. import operations
from ..api import posting
from ..api.schemas import GivenIncident
from ..models import Incident
from ..staff import rights
from ..staff.actors import Actor
from ..status import FINAL_PHASES, Kind
from . import answers, arguments

LANGUAGES = "Write every text in all languages of the page, which `get_page` has."
APPROVAL = "Readers do not see it, and nobody is notified, until a person publishes it in the newsroom."
_SEE = ("incidents.view_incident", "incidents.view_maintenance")


@dataclass(frozen=True)
class AgentTool:
    """A tool. `rights` has those of which the token needs one, by kind; the verb checks again.

    `is_draft` is None for a tool that only reads, True for one that writes drafts, False for one that publishes.
    """

    name: str
    title: str
    description: str
    takes: type[arguments.Nothing]
    rights: tuple[str, ...]
    run: Callable[[Any, Actor], answers.Json]
    is_draft: bool | None = None
    is_repeatable: bool = False

    def is_allowed(self, actor: Actor) -> bool:
        return any(actor.may(right) for right in self.rights)


def offered_to(actor: Actor) -> list[AgentTool]:
    """Return the tools that the scopes of the token allow, as far as its owner may."""
    return [tool for tool in TOOLS if tool.is_allowed(actor)]


def named(name: str) -> AgentTool | None:
    return next((tool for tool in TOOLS if tool.name == name), None)


def _page(_given: arguments.Nothing, _actor: Actor) -> answers.Json:
    return answers.page()


def _incidents(given: arguments.IncidentList, actor: Actor) -> answers.Json:
    _needs_to_see(actor)
    rows = Incident.objects.public()
    rows = rows.containing(given.q) if given.q.strip() else rows.newest_first()
    if given.kind:
        rows = rows.filter(kind=given.kind)
    if given.state == "open":
        rows = rows.exclude(phase__in=FINAL_PHASES)
    return answers.incidents(rows[(given.page - 1) * given.limit : given.page * given.limit])


def _incident(given: arguments.OneIncident, actor: Actor) -> answers.Json:
    _needs_to_see(actor)
    return answers.incident(_find(given.incident_id))


def _drafts(_given: arguments.Nothing, actor: Actor) -> answers.Json:
    _needs_to_see(actor)
    return {"drafts": [answers.draft(one) for one in answers.waiting()[:100]]}


def _draft(given: arguments.IncidentDraft | arguments.MaintenanceDraft, actor: Actor) -> answers.Json:
    incident = posting.open_incident(_as_body(given, draft=True), actor)
    return {"draft": answers.draft(incident.updates.get())}


def _draft_update(given: arguments.UpdateDraft, actor: Actor) -> answers.Json:
    incident = _find(given.incident_id)
    earlier = set(answers.waiting().filter(incident=incident).values_list("pk", flat=True))
    posting.change_incident(incident, _as_body(given, draft=True), actor)
    return {"draft": answers.draft(answers.waiting().filter(incident=incident).exclude(pk__in=earlier)[0])}


def _publish_draft(given: arguments.OneDraft, actor: Actor) -> answers.Json:
    draft = get_object_or_404(answers.waiting(), pk=given.update_id)
    return answers.incident(operations.publish_draft(update=draft, by=actor).incident)


def _post_update(given: arguments.UpdateDraft, actor: Actor) -> answers.Json:
    incident = _find(given.incident_id)
    if not incident.is_public:
        raise ValidationError(_("This incident is a draft: publish its draft first."))
    return answers.incident(posting.change_incident(incident, _as_body(given, draft=False), actor))


def _as_body(given: arguments.Nothing, *, draft: bool) -> GivenIncident:
    return GivenIncident(**given.dict(exclude={"incident_id"}), draft=draft)


def _find(incident_id: str) -> Incident:
    return get_object_or_404(Incident, pk=incident_id, withdrawn_at=None)


def _needs_to_see(actor: Actor) -> None:
    for right in _SEE:
        actor.needs(right)


def _of_each_kind(right: Callable[[str], str], kinds: Iterable[Kind] = Kind) -> tuple[str, ...]:
    return tuple(right(kind) for kind in kinds)


TOOLS = (
    AgentTool(
        "get_page",
        "Page and components",
        "The status page: its overall status, its languages, and its components with their ids and statuses.",
        arguments.Nothing,
        ("incidents.view_component",),
        _page,
    ),
    AgentTool(
        "list_incidents",
        "Incidents and maintenance",
        "Published incidents and planned maintenance with their updates, the newest first. Texts are in the default "
        "language of the page.",
        arguments.IncidentList,
        _SEE,
        _incidents,
    ),
    AgentTool(
        "get_incident",
        "One incident or maintenance",
        "An incident or planned maintenance with its published updates and its drafts.",
        arguments.OneIncident,
        _SEE,
        _incident,
    ),
    AgentTool(
        "list_drafts",
        "Drafts",
        "Up to 100 drafts and scheduled updates, the newest first, in all languages. Look here before you draft "
        "something, so that nothing is drafted twice.",
        arguments.Nothing,
        _SEE,
        _drafts,
    ),
    AgentTool(
        "draft_incident",
        "Draft an incident",
        f"Drafts a new incident with its first update. {APPROVAL} {LANGUAGES} Say what readers notice, since when, and "
        "what is being done; no guesses, no internal names.",
        arguments.IncidentDraft,
        (rights.add(Kind.INCIDENT),),
        _draft,
        is_draft=True,
    ),
    AgentTool(
        "draft_maintenance",
        "Draft planned maintenance",
        f"Drafts planned maintenance with its first update. {APPROVAL} {LANGUAGES}",
        arguments.MaintenanceDraft,
        (rights.add(Kind.MAINTENANCE),),
        _draft,
        is_draft=True,
    ),
    AgentTool(
        "draft_update",
        "Draft an update",
        f"Drafts an update of an incident or planned maintenance. {APPROVAL} {LANGUAGES} `resolved` and `completed` "
        "end it: then leave out `components`.",
        arguments.UpdateDraft,
        _of_each_kind(rights.change),
        _draft_update,
        is_draft=True,
    ),
    AgentTool(
        "publish_draft",
        "Publish a draft",
        "Publishes a draft at once, and its incident with it. Subscribers are notified if the draft says so: that "
        "cannot be recalled. Ask the person you work for before you use it.",
        arguments.OneDraft,
        _of_each_kind(rights.publish),
        _publish_draft,
        is_draft=False,
        is_repeatable=True,
    ),
    AgentTool(
        "post_update",
        "Post an update",
        "Publishes an update of a public incident or maintenance at once, and notifies subscribers unless "
        f"`deliver_notifications` is false: that cannot be recalled. {LANGUAGES} Ask the person you work for before "
        "you use it, or use `draft_update`.",
        arguments.UpdateDraft,
        _of_each_kind(rights.publish),
        _post_update,
        is_draft=False,
    ),
)
