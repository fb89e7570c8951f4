"""Posts an alert to the chat of the team: a webhook of Slack, Teams or anything that takes JSON."""

from typing import Any

from django.conf import settings
from django.utils.translation import gettext

from ..models import StaffAlert
from ..notifications.channels import webhook
from ..notifications.channels.base import Busy, Gone
from ..notifications.messages import slack, teams
from ..notifications.messages.chat import encoded
from . import texts


def post(alert: StaffAlert, page_name: str) -> str:
    """Send one POST to ALERT_WEBHOOK_URL. Return why it failed, without the address; empty if it was accepted."""
    headers = {"Content-Type": "application/json; charset=utf-8"}
    try:
        webhook.deliver(settings.ALERT_WEBHOOK_URL, encoded(_payload(alert, page_name)), headers, is_chat=True)
    except (Busy, Gone) as refusal:
        return str(refusal.reply)
    return ""


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
