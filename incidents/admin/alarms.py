"""What keeps subscribers from being told, in sentences: on every page of the admin, and fresh within a minute."""

from django.utils import timezone
from django.utils.translation import gettext as _

from ..formats import short_moment
from ..models import Destination
from ..notifications import pulse
from ..notifications.channels.email import relay_name


def alarms() -> list[str]:
    """The worst first; empty while all is well."""
    found = pulse.take_pulse(timezone.now())
    relay = Destination.objects.in_trouble().filter(name=relay_name()).first()
    said = {
        _("The queue does not answer: subscribers are told late or not at all."): not found.queue_answers,
        _("No worker is running: nobody is told."): found.nobody_works,
        _("The clock stands still: nothing is published or told by itself."): found.clock_stands,
    }
    standing = [sentence for sentence, holds in said.items() if holds]
    if relay and relay.failing_since:
        since = short_moment(relay.failing_since)
        standing.append(_("Our own mail server has taken no mail since %(time)s.") % {"time": since})
    return standing
