"""What the tools take. Unknown names are refused, so that an agent learns of its mistake."""

from typing import Annotated, Literal

from ninja import Schema
from pydantic import AwareDatetime, ConfigDict, Field

from ..api.schemas import Id, Translations
from ..status import ComponentStatus, Impact

IncidentStatus = Literal["investigating", "identified", "monitoring", "resolved"]
AnyStatus = Literal[
    "investigating", "identified", "monitoring", "resolved", "scheduled", "in_progress", "verifying", "completed"
]
Title = Annotated[str, Field(description="The title in the default language of the page.")]
Body = Annotated[str, Field(description="What is known now, in the default language of the page. Markdown.")]
Others = Annotated[
    Translations, Field(description='The other languages of the page by code, such as {"en": {"name": …, "body": …}}.')
]
Statuses = Annotated[
    dict[Id, ComponentStatus], Field(description="The status of each affected component, by the id of the component.")
]
Notify = Annotated[bool, Field(description="Whether subscribers are notified when it is published.")]


class Nothing(Schema):
    model_config = ConfigDict(extra="forbid")


class IncidentList(Nothing):
    kind: Annotated[Literal["incident", "maintenance"] | None, Field(description="Both without it.")] = None
    state: Annotated[
        Literal["open", "all"], Field(description="`open` leaves out what is over; planned maintenance is open.")
    ] = "open"
    q: Annotated[str, Field(description="Words that the titles or updates contain; the best matches come first.")] = ""
    limit: Annotated[int, Field(ge=1, le=100)] = 10
    page: Annotated[int, Field(ge=1, le=10_000)] = 1


class OneIncident(Nothing):
    incident_id: Id


class IncidentDraft(Nothing):
    name: Title
    body: Body
    translations: Others = {}
    status: IncidentStatus = "investigating"
    impact_override: Annotated[
        Impact | None, Field(description="Without it, the impact is that of the worst component.")
    ] = None
    components: Statuses = {}
    deliver_notifications: Notify = True


class MaintenanceDraft(Nothing):
    name: Title
    body: Body
    translations: Others = {}
    scheduled_for: Annotated[AwareDatetime, Field(description="The planned start, with its offset from UTC.")]
    scheduled_until: Annotated[AwareDatetime, Field(description="The planned end, with its offset from UTC.")]
    component_ids: Annotated[list[Id], Field(description="The ids of the affected components.")] = []
    scheduled_auto_in_progress: Annotated[bool, Field(description="Starts at the planned time.")] = False
    scheduled_auto_completed: Annotated[bool, Field(description="Completes at the planned time.")] = False
    deliver_notifications: Notify = True


class UpdateDraft(Nothing):
    incident_id: Id
    body: Body
    translations: Others = {}
    status: Annotated[AnyStatus | None, Field(description="Without it, the status stays.")] = None
    components: Statuses = {}
    deliver_notifications: Notify = True


class OneDraft(Nothing):
    update_id: Annotated[Id, Field(description="The id of the draft, as `list_drafts` has it.")]
