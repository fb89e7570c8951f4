"""An alert in words, in the active language and time zone, and the form that settles it."""

from django.urls import reverse
from django.utils.translation import gettext

from ..formats import short_moment
from ..models import AlertKind, StaffAlert
from ..status import Phase
from ..wording import words


def reason(alert: StaffAlert) -> str:
    """Return why staff are alerted, as a sentence."""
    if alert.kind == AlertKind.NO_UPDATE:
        return gettext("No update for more than %(hours)d hours.") % {"hours": int(alert.detail)}
    sentences = {
        AlertKind.PUBLISHING_STOPPED: gettext("What was changed since %(time)s is not on the public page."),
        AlertKind.EMAILS_STOPPED: gettext("Emails to subscribers have been waiting since %(time)s, and none is sent."),
        AlertKind.WEBHOOKS_STOPPED: gettext("Posts to webhooks have been waiting since %(time)s, and none is sent."),
        AlertKind.UPDATE_OVERDUE: gettext("The update that was promised for %(time)s is overdue."),
        AlertKind.PAST_END: gettext("The planned end was %(time)s; the maintenance is not reported as finished."),
        AlertKind.NOT_STARTED: gettext("The planned start was %(time)s; the maintenance is not reported as started."),
        AlertKind.STARTS_SOON: gettext("The planned start is %(time)s; the maintenance does not start automatically."),
        AlertKind.DRAFT_OF_RULE: gettext("Monitoring has alerted, and a rule wrote a draft. Nothing is published yet."),
        AlertKind.RULE_FAILED: gettext("Monitoring has alerted, and the rule for it could not be carried out."),
        AlertKind.OLD_DRAFT: gettext("A draft is more than a day old."),
    }
    sentence = sentences[AlertKind(alert.kind)]
    return sentence % {"time": short_moment(alert.since)} if "%(time)s" in sentence else sentence


def title(alert: StaffAlert) -> str:
    """Return the title of the incident, on one line; empty if the alert is about none."""
    return " ".join(words(alert.incident.title).split()) if alert.incident else ""


def address(alert: StaffAlert) -> str:
    """Return the path of the form that settles it, or of the page that shows what has stopped."""
    if alert.kind == AlertKind.RULE_FAILED:
        return reverse("admin:incidents_monitoringalert_changelist")
    if alert.incident is None:
        is_publishing = alert.kind == AlertKind.PUBLISHING_STOPPED
        return reverse("admin:index") + "#health" if is_publishing else reverse("admin:incidents_delivery_overview")
    form = f"admin:incidents_{alert.incident.kind}"
    if alert.kind in {AlertKind.OLD_DRAFT, AlertKind.DRAFT_OF_RULE}:
        return reverse(f"{form}_draft", args=[alert.incident.pk, alert.detail])
    phase = {
        AlertKind.PAST_END: Phase.COMPLETED,
        AlertKind.NOT_STARTED: Phase.IN_PROGRESS,
        AlertKind.STARTS_SOON: Phase.IN_PROGRESS,
    }.get(AlertKind(alert.kind))
    return reverse(f"{form}_update", args=[alert.incident.pk]) + (f"?phase={phase}" if phase else "")
