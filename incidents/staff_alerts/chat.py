"""Posts an alert to the chat of the team: a webhook of Slack, Teams or anything that takes JSON."""

import json
from typing import Any

from django.conf import settings
from django.utils.translation import gettext

from .. import guard
from ..models import StaffAlert
from ..notifications.messages import slack, teams
from . import texts


def post(alert: StaffAlert, page_name: str) -> str:
    """Send one POST to ALERT_WEBHOOK_URL. Return why it failed, without the address; empty if it was accepted."""
    body = json.dumps(_payload(alert, page_name), ensure_ascii=False).encode()
    try:
        response = guard.post(settings.ALERT_WEBHOOK_URL, body, {"Content-Type": "application/json; charset=utf-8"})
    except guard.Unreachable as error:
        return str(error)
    except guard.BadUrl as error:
        return f"ALERT_WEBHOOK_URL: {error.code}"
    return "" if 200 <= response.code <= 299 else f"HTTP {response.code}"


def _payload(alert: StaffAlert, page_name: str) -> dict[str, Any]:
    title, reason = texts.title(alert) or page_name, texts.reason(alert)
    url, label = f"{settings.SITE_URL}{texts.address(alert)}", gettext("Open the newsroom")
    if alert.incident:
        label = gettext("Open the form")
    match settings.ALERT_WEBHOOK_FORMAT:
        case "slack":
            return slack.link_message(title, reason, url, label)
        case "teams":
            return teams.link_message(title, reason, url, label)
    incident = alert.incident_id
    return {
        "alert": {
            "id": alert.pk,
            "kind": alert.kind,
            "incident_id": incident,
            "title": title,
            "reason": reason,
            "since": alert.since.isoformat(),
            "url": url,
        },
        "page": {"name": page_name, "url": settings.SITE_URL},
    }
