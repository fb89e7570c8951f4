"""Warnings about publishing, delivery and sign-ups, shown on every admin page."""

from dataclasses import dataclass

from django.utils import timezone
from django.utils.translation import gettext as _

from ..formats import short_moment
from ..models import AlertMessage, Destination
from ..notifications.addressing import relay_name
from ..notifications.monitoring import health
from ..subscriptions import limits
from .publishing_warnings import unwritten_sentence, why_unwritten


@dataclass(frozen=True)
class Alarm:
    sentence: str
    of_publishing: bool = False


def alarms() -> list[Alarm]:
    """The worst first; empty while there are no problems."""
    unwritten = [Alarm(unwritten_sentence(why), of_publishing=True)] if (why := why_unwritten()) else []
    return [*unwritten, *(Alarm(sentence) for sentence in _of_subscribers())]


def _of_subscribers() -> list[str]:
    now = timezone.now()
    found, flood = health.check_health(now), limits.alarms(now)
    relay = Destination.objects.in_trouble().filter(name=relay_name()).first()
    said = {
        _("The queue does not answer: subscribers are notified late or not at all."): not found.queue_answers,
        _("No worker is running: subscribers are not notified."): found.no_mail_worker,
        _(
            "No worker takes the queue “messages”: confirmations and links to subscriptions are sent only along with "
            "announcements. "
            "Start it with all its queues: rqworker delivery messages requests."
        ): found.no_message_worker,
        _("No webhook worker is running: webhooks are not notified."): found.no_webhook_worker,
        _(
            "The scheduler is not running: scheduled updates are not published and announcements are not released."
        ): found.scheduler_is_down,
        _(
            "So many have signed up in the last hour that confirmations are late. "
            "Existing subscribers are notified as usual."
        ): limits.EVERYBODY.name in flood,
        _(
            "So many requests came in through the public forms in the last hour that some were not taken. "
            "Existing subscribers are notified as usual."
        ): limits.REQUESTS.name in flood,
        _(
            "One network has sent so many public forms in the last hour that its visitors are asked to wait. "
            "If they all come through a proxy of yours, set TRUSTED_PROXIES."
        ): limits.NETWORK.name in flood,
        _(
            "Very many sign-ups were refused in the last hour: somebody may be signing up strangers. "
            "The limits hold, and subscribers are notified as usual."
        ): limits.REFUSALS.name in flood,
    }
    current = [sentence for sentence, holds in said.items() if holds]
    if relay and relay.failing_since:
        since = short_moment(relay.failing_since)
        current.append(_("Our own mail server has not accepted mail since %(time)s.") % {"time": since})
    if message := AlertMessage.objects.failing(now).first():
        sentence = _("Alerts cannot be sent to staff by email: %(error)s")
        if message.user_id is None:
            sentence = _("Alerts cannot be posted to the chat of the team: %(error)s")
        current.append(sentence % {"error": _(message.error)})
    return current
