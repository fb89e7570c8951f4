"""What bodies contain. Unknown keys are ignored, as clients send fields of the original that we lack."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import AfterValidator, BeforeValidator, Field

from ..status import ComponentStatus, Impact

# Years for which every time zone has a time in UTC, and in which incidents happen.
_YEARS = range(1970, 2200)


def in_range(value: Any) -> Any:
    """Return a day or a time, or None. Raises ValueError for a year in which nothing happens."""
    if value is not None and value.year not in _YEARS:
        raise ValueError(f"a year from {_YEARS.start} to {_YEARS.stop - 1}")
    return value


def _listed(value: object) -> object:
    return [one.strip() for one in value.split(",") if one.strip()] if isinstance(value, str) else value


def _empty_as_none(value: object) -> object:
    # Forms have no null: an empty field is one.
    return None if value == "" else value


Moment = Annotated[datetime | None, BeforeValidator(_empty_as_none), AfterValidator(in_range)]
Day = Annotated[date | None, BeforeValidator(_empty_as_none), AfterValidator(in_range)]
Status = Literal[
    "investigating", "identified", "monitoring", "resolved", "scheduled", "in_progress", "verifying", "completed"
]
Id = Annotated[str, BeforeValidator(str)]


class Translation(Schema):
    name: str = ""
    body: str = ""
    description: str = ""


class TemplateTranslation(Translation):
    title: str = ""


Translations = dict[str, Translation]


class GivenIncident(Schema):
    """An incident or, with `scheduled_for`, planned maintenance.

    `draft`, `translations` and `next_update_by` are ours.
    """

    name: str | None = None
    status: Status | None = None
    impact_override: Impact | None = None
    body: str | None = None
    components: dict[Id, ComponentStatus] | list[Id] = {}
    component_ids: list[Id] = []
    deliver_notifications: bool | None = None
    scheduled_for: Moment = None
    scheduled_until: Moment = None
    scheduled_remind_prior: bool | None = None
    scheduled_auto_in_progress: bool | None = None
    scheduled_auto_completed: bool | None = None
    backfilled: bool = False
    backfill_date: Day = None
    translations: Translations = {}
    draft: bool = False
    next_update_by: Moment = None
    metadata: dict[str, Any] | None = None

    @property
    def statuses(self) -> dict[str, ComponentStatus]:
        """The statuses that it gives components, by id."""
        return self.components if isinstance(self.components, dict) else {}

    @property
    def named(self) -> set[str]:
        """The ids of all components that it names: the original takes a list in both fields."""
        return {*self.components, *self.component_ids}


class IncidentBody(Schema):
    incident: GivenIncident


class GivenUpdate(Schema):
    body: str | None = None
    deliver_notifications: bool = False
    translations: Translations = {}


class IncidentUpdateBody(Schema):
    incident_update: GivenUpdate


class GivenComponent(Schema):
    name: str | None = None
    description: str | None = None
    status: ComponentStatus | None = None
    group_id: str | None = None
    start_date: Day = None
    translations: Translations = {}


class ComponentBody(Schema):
    component: GivenComponent


class GivenGroup(Schema):
    name: str | None = None
    description: str | None = None
    components: list[Id] | None = None
    translations: Translations = {}


class GroupBody(Schema):
    component_group: GivenGroup
    description: str | None = None


class GivenPage(Schema):
    """`page_description` is the introduction; what the original lacks has its name in the newsroom."""

    name: str | None = None
    page_description: str | None = None
    time_zone: str | None = None
    company: str | None = None
    address: str | None = None
    website: str | None = None
    contact: str | None = None
    brand_colour: str | None = None
    translations: Translations = {}


class PageBody(Schema):
    page: GivenPage


class GivenTemplate(Schema):
    """`name` is what staff see, `title` and `body` are for readers; placeholders are those of the newsroom."""

    name: str = ""
    title: str = ""
    body: str = ""
    update_status: Status = "investigating"
    translations: dict[str, TemplateTranslation] = {}


class TemplateBody(Schema):
    template: GivenTemplate


class GivenPostmortem(Schema):
    body_draft: str | None = None
    translations: Translations = {}


class PostmortemBody(Schema):
    postmortem: GivenPostmortem


class GivenPublication(Schema):
    notify_subscribers: bool = False


class PublicationBody(Schema):
    postmortem: GivenPublication = GivenPublication()


class GivenSubscriber(Schema):
    """`endpoint` is the address of a webhook, and `email` then that of its owner; `language` and `consent` are ours."""

    email: str = ""
    endpoint: str = ""
    component_ids: list[Id] = []
    skip_confirmation_notification: bool = False
    consent: str = ""
    language: str = ""


class SubscriberBody(Schema):
    subscriber: GivenSubscriber


class SubscriberIds(Schema):
    """The ids as a list, or as a text with commas between them, as in the original."""

    subscribers: Annotated[list[Id], BeforeValidator(_listed), Field(max_length=100)]
