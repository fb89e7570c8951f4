"""Destinations as staff may see them: without permission to see addresses, not the domain of a few readers."""

from collections.abc import Iterable
from dataclasses import replace

from django.utils import timezone
from django.utils.translation import gettext as _

from ..masks import without_hosts
from ..models import Announcement
from ..notifications.monitoring.destinations import FEW, with_few_readers
from ..notifications.monitoring.overview import FailingDestination
from ..notifications.monitoring.progress import Progress, progress_of
from .read_only import User, sees_addresses


def shown_name(destination: str, hidden: frozenset[str]) -> str:
    return _("a mail domain with few readers") if destination in hidden else destination


def shown_failing(user: User, failing: Iterable[FailingDestination]) -> list[tuple[str, str, FailingDestination]]:
    """Return each failing destination after its name and reply."""
    rows = list(failing)
    hidden = _hidden_from(user, (str(row.destination) for row in rows))
    return [(shown_name(name := str(row.destination), hidden), _reply(name, row.reply, hidden), row) for row in rows]


def shown_progress(user: User, announcements: list[Announcement]) -> list[Progress]:
    """Return the progress of each announcement, in the given order."""
    found = progress_of(announcements, timezone.now())
    # An announcement has one delivery per subscriber: a large group needs no count of its readers.
    small = (group.destination for one in found for group in one.deferred if group.number < FEW)
    hidden = _hidden_from(user, small)
    for one in found:
        one.deferred = [
            replace(
                group,
                destination=shown_name(group.destination, hidden),
                reply=_reply(group.destination, group.reply, hidden),
            )
            for group in one.deferred
        ]
    return found


def _hidden_from(user: User, names: Iterable[str]) -> frozenset[str]:
    return frozenset() if sees_addresses(user) else with_few_readers(names)


def _reply(destination: str, reply: str, hidden: frozenset[str]) -> str:
    # Mail servers repeat the domain, and their own names in it.
    return without_hosts(reply) if destination in hidden else reply
