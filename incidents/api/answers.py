"""What answers contain, for the OpenAPI document: the keys of `shapes`.

Operations return responses that are made already, so nothing is validated while a list is answered;
tests/api/test_answers.py compares.
"""

from http import HTTPStatus
from typing import Any, Literal

from django.http import JsonResponse
from ninja import Schema
from pydantic import ConfigDict

from ..status import ComponentStatus, Impact

Moment = str  # ISO 8601 with three decimals, in the time zone of the page
Json = dict[str, Any]
IncidentStatus = Literal[
    "investigating",
    "identified",
    "monitoring",
    "resolved",
    "postmortem",
    "scheduled",
    "in_progress",
    "verifying",
    "completed",
]


class ApiAnswer(Schema):
    model_config = ConfigDict(extra="forbid")


class ApiProblem(ApiAnswer):
    """Problem details (RFC 9457); `error` is a list of reasons with the status 422, as in Statuspage."""

    type: str
    title: str
    status: int
    detail: str
    error: str | list[str]


class ApiPage(ApiAnswer):
    id: str
    name: str
    url: str
    time_zone: str
    updated_at: Moment


class ApiComponent(ApiAnswer):
    id: str
    name: str
    status: ComponentStatus
    created_at: Moment
    updated_at: Moment
    position: int
    description: str | None
    showcase: bool
    start_date: str | None
    group_id: str | None
    page_id: str
    group: bool
    only_show_if_degraded: bool
    details: Json
    automation_email: str | None


class ApiComponentGroup(ApiAnswer):
    id: str
    page_id: str
    name: str
    description: str | None
    components: list[str]
    position: int
    created_at: Moment
    updated_at: Moment


class ApiAffectedComponent(ApiAnswer):
    code: str
    name: str
    old_status: ComponentStatus
    new_status: ComponentStatus


class IncidentUpdate(ApiAnswer):
    id: str
    status: IncidentStatus
    body: str
    incident_id: str
    created_at: Moment
    updated_at: Moment
    display_at: Moment
    affected_components: list[ApiAffectedComponent] | None
    deliver_notifications: bool
    custom_tweet: str | None
    tweet_id: str | None
    details: Json
    twitter_updated_at: str | None
    wants_twitter_update: bool


class ApiIncident(ApiAnswer):
    id: str
    name: str
    status: IncidentStatus
    created_at: Moment
    updated_at: Moment
    monitoring_at: Moment | None
    resolved_at: Moment | None
    impact: Impact
    shortlink: str
    started_at: Moment
    page_id: str
    incident_updates: list[IncidentUpdate]
    components: list[ApiComponent]
    details: Json
    impact_override: Impact
    metadata: Json
    postmortem_body: str | None
    postmortem_body_last_updated_at: Moment | None
    postmortem_ignored: bool
    postmortem_notified_subscribers: bool
    postmortem_notified_twitter: bool
    postmortem_published_at: Moment | None
    scheduled_auto_completed: bool
    scheduled_auto_in_progress: bool
    auto_transition_deliver_notifications_at_start: bool
    auto_transition_deliver_notifications_at_end: bool
    auto_transition_to_maintenance_state: bool
    auto_transition_to_operational_state: bool
    scheduled_for: Moment | None
    scheduled_until: Moment | None
    scheduled_remind_prior: bool
    scheduled_reminded_at: Moment | None
    draft: bool


class RelatedIncident(ApiAnswer):
    id: str


class RelatedEvents(ApiAnswer):
    incidents: list[RelatedIncident]


class Uptime(ApiAnswer):
    """Counted as on the page: partial and major outages are downtime. Null if no time is counted."""

    range_start: Moment
    range_end: Moment
    uptime_percentage: float | None
    major_outage: int
    partial_outage: int
    warnings: str | None
    id: str
    name: str
    related_events: RelatedEvents


class IncidentTemplate(ApiAnswer):
    id: str
    components: list[ApiComponent]
    name: str
    title: str
    body: str
    group_id: str | None
    update_status: IncidentStatus
    should_tweet: bool
    should_send_notifications: bool


class Postmortem(ApiAnswer):
    preview_key: str | None
    body: str | None
    body_updated_at: Moment | None
    body_draft: str | None
    body_draft_updated_at: Moment | None
    published_at: Moment | None
    notify_subscribers: bool
    notify_twitter: bool
    custom_tweet: str | None
    created_at: Moment
    updated_at: Moment


class ApiSubscriber(ApiAnswer):
    """Addresses are masked unless the token has the scope `subscribers`. `state` is ours."""

    id: str
    skip_confirmation_notification: bool
    mode: Literal["email", "webhook", "slack", "teams"]
    email: str
    endpoint: str | None
    phone_number: str | None
    phone_country: str | None
    display_phone_number: str | None
    obfuscated_channel_name: str | None
    workspace_name: str | None
    quarantined_at: Moment | None
    purge_at: Moment | None
    components: list[str]
    page_access_user_id: str | None
    created_at: Moment
    state: Literal["active", "unconfirmed", "quarantined"]


class SubscriberCount(ApiAnswer):
    email: int
    sms: int
    webhook: int
    slack: int
    teams: int
    integration_partner: int


class Changed(ApiAnswer):
    """How many subscribers were changed; others had left, or need no confirmation."""

    count: int


_PROBLEMS = dict.fromkeys((400, 401, 403, 404, 422, 429), ApiProblem)


def documented(model: Any, status: HTTPStatus = HTTPStatus.OK) -> dict[int, Any]:
    """Return what `response=` of an operation takes: the answer, and problems."""
    return {status.value: model, **_PROBLEMS}


def as_json(data: Any, status: HTTPStatus = HTTPStatus.OK) -> JsonResponse:
    return JsonResponse(data, status=status, safe=False)
