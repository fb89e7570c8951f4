"""The export of one's own data (GDPR art. 15 and 20)."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import F

from ..models import ConsentRecord, Subscriber

_DELIVERY = (
    "letter",
    "channel",
    "language",
    "state",
    "skip_reason",
    "attempts",
    "created_at",
    "next_attempt_at",
    "sent_at",
    "destination",
    "reply_code",
    "reply",
)


def export(subscriber: Subscriber) -> dict[str, Any]:
    """Return everything that is stored about a subscriber, under the database's names; times in UTC."""
    deliveries = subscriber.deliveries.order_by("created_at", "pk").values(
        *_DELIVERY,
        incident=F("announcement__update__incident"),
        incident_title=F("announcement__update__incident__title"),
        component=F("component_update__component__slug"),
        component_status=F("component_update__new_status"),
    )
    bounces = subscriber.bounces.order_by("received_at", "pk").values(
        "received_at",
        "consequence",
        "status",
        "reply",
        "subject",
        "sender_domain",
        "excerpt",
        incident=F("announcement__update__incident"),
    )
    choices = subscriber.incident_choices.order_by("pk").values(
        "incident", "told", "requested_at", "confirmed_at", incident_title=F("incident__title")
    )
    consent = [field.name for field in ConsentRecord._meta.fields if field.name not in {"id", "subscriber"}]
    return {
        **{field.name: getattr(subscriber, field.name) for field in Subscriber._meta.fields},
        "components": list(subscriber.components.order_by("slug").values_list("slug", flat=True)),
        "incidents": _with_plain_titles(choices),
        "consents": list(subscriber.consents.values(*consent)),
        "attempts": list(subscriber.attempts.order_by("at").values("at", "code", "said", "milliseconds")),
        "deliveries": _with_plain_titles(deliveries),
        "bounces": list(bounces),
    }


def _with_plain_titles(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    # A title is a text in several languages.
    return [{**row, "incident_title": dict(row["incident_title"] or {})} for row in rows]
