"""What the API answers: the objects of the read API with the keys that only v1 has. Clients require all of them."""

from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from django.utils.translation import override

from ..identity import readable
from ..masks import masked
from ..models import REMINDERS, Component, ComponentGroup, Incident, Page, Subscriber, Update, UpdateTemplate
from ..publishing.reading.story import with_timeline
from ..status import Phase
from ..statuspage_api import body, component_shape, group_shape, incident_shape, moment, page_shape, status_of
from ..wording import reader_passage

Json = dict[str, Any]

# Of Twitter, and transitions that follow from `scheduled_auto_…`.
_LACKING_IN_UPDATES: Json = {"twitter_updated_at": None, "wants_twitter_update": False}
_LACKING_IN_COMPONENTS: Json = {"automation_email": None}
# Who has unsubscribed is not a subscriber any more.
SUBSCRIBER_STATES = {
    Subscriber.State.ACTIVE: "active",
    Subscriber.State.PENDING: "unconfirmed",
    Subscriber.State.SUSPENDED: "quarantined",
}


def page(row: Page) -> Json:
    with override(settings.LANGUAGE_CODE):
        return page_shape(row, row.updated_at)


def incidents(rows: Iterable[Incident]) -> list[Json]:
    """Return these incidents with their public updates, in a number of queries that does not depend on theirs."""
    here = Page.objects.brief()
    with override(settings.LANGUAGE_CODE):
        return [_incident(story.incident, story.timeline, here) for story in with_timeline(rows)]


def incident(row: Incident) -> Json:
    """Return one incident; with all of its updates if it is not public."""
    if row.is_public:
        return incidents([row])[0]
    updates = row.updates.newest_first().prefetch_related("affected__component__group")
    with override(settings.LANGUAGE_CODE):
        return _incident(row, list(updates), Page.objects.brief())


def _incident(row: Incident, updates: list[Update], here: Page) -> Json:
    shape = incident_shape(row, updates, here)
    return {
        **shape,
        "incident_updates": [{**one, **_LACKING_IN_UPDATES} for one in shape["incident_updates"]],
        "components": [{**one, **_LACKING_IN_COMPONENTS} for one in shape["components"]],
        "impact_override": row.impact,
        "metadata": row.metadata,
        **_postmortem(updates),
        "scheduled_auto_completed": row.auto_complete,
        "scheduled_auto_in_progress": row.auto_start,
        "auto_transition_deliver_notifications_at_start": row.auto_start,
        "auto_transition_deliver_notifications_at_end": row.auto_complete,
        "auto_transition_to_maintenance_state": row.auto_start,
        "auto_transition_to_operational_state": row.auto_complete,
        "scheduled_for": moment(row.scheduled_for) if row.scheduled_for else None,
        "scheduled_until": moment(row.scheduled_until) if row.scheduled_until else None,
        "scheduled_remind_prior": any(getattr(row, name) for name in REMINDERS),
        "scheduled_reminded_at": None,
        "draft": not row.is_public,
    }


def _postmortem(updates: list[Update]) -> Json:
    # Return the keys of the newest public postmortem; `updates` are newest first.
    found = next((update for update in updates if update.phase == Phase.POSTMORTEM and update.is_public), None)
    return {
        "postmortem_body": body(found) if found else None,
        "postmortem_body_last_updated_at": moment(found.changed_at) if found else None,
        "postmortem_ignored": False,
        "postmortem_notified_subscribers": bool(found and found.notify),
        "postmortem_notified_twitter": False,
        "postmortem_published_at": moment(found.at) if found else None,
    }


def component(row: Component) -> Json:
    return components([row])[0]


def components(rows: Iterable[Component]) -> list[Json]:
    here = Page.objects.brief()
    with override(settings.LANGUAGE_CODE):
        return [{**component_shape(row, here), **_LACKING_IN_COMPONENTS} for row in rows]


def group(row: ComponentGroup) -> Json:
    """Return a group; its public components must be prefetched as `shown`."""
    shown: list[Component] = row.shown  # type: ignore[attr-defined]
    with override(settings.LANGUAGE_CODE):
        found = group_shape(row, shown, Page.objects.brief())
    names = ("id", "page_id", "name", "description", "components", "position", "created_at", "updated_at")
    return {name: found[name] for name in names}


def template(row: UpdateTemplate) -> Json:
    with override(settings.LANGUAGE_CODE):
        texts = {key: reader_passage(text).text for key, text in (("name", row.name), ("title", row.title))}
        return {
            "id": row.pk,
            "components": [],
            **texts,
            "body": reader_passage(row.text).text,
            "group_id": None,
            "update_status": status_of(row.phase),
            "should_tweet": False,
            "should_send_notifications": True,
        }


def postmortem(public: Update | None, draft: Update | None) -> Json:
    """Return the postmortem of an incident, which has at least one of the updates."""
    first = public or draft
    assert first is not None  # noqa: S101 - for mypy
    newest = draft or first
    with override(settings.LANGUAGE_CODE):
        return {
            "preview_key": None,
            "body": body(public) if public else None,
            "body_updated_at": moment(public.changed_at) if public else None,
            "body_draft": reader_passage(draft.text).text if draft else None,
            "body_draft_updated_at": moment(draft.updated_at) if draft else None,
            "published_at": moment(public.at) if public else None,
            "notify_subscribers": newest.notify,
            "notify_twitter": False,
            "custom_tweet": None,
            "created_at": moment(first.created_at),
            "updated_at": moment(newest.updated_at),
        }


def subscriber(row: Subscriber, *, is_masked: bool) -> Json:
    """Return a subscriber; components must be prefetched. An owner's address is that of a webhook."""
    state = SUBSCRIBER_STATES[Subscriber.State(row.state)]
    shown: Callable[[str], str] = masked if is_masked else str
    return {
        "id": row.pk,
        "skip_confirmation_notification": row.consent_method == Subscriber.ConsentMethod.IMPORT,
        "mode": row.channel,
        "email": shown(readable(row.mail_address)),
        "endpoint": None if row.is_mail else shown(row.address),
        "phone_number": None,
        "phone_country": None,
        "display_phone_number": None,
        "obfuscated_channel_name": None,
        "workspace_name": None,
        "quarantined_at": moment(row.updated_at) if state == "quarantined" else None,
        "purge_at": None,
        "components": sorted(one.pk for one in row.components.all()),
        "page_access_user_id": None,
        "created_at": moment(row.created_at),
        "state": state,
    }
