"""Relays whose PIPELINING does not work, remembered across workers. Call these functions on the ledger's connection."""

import logging
from datetime import datetime, timedelta

from ...models import Destination
from ..channels.smtp import Pipelining

logger = logging.getLogger(__name__)

# The server may have been repaired since, and single commands cost two round trips per message.
_TRY_AGAIN_AFTER = timedelta(days=7)


def known(relay: str, now: datetime) -> Pipelining:
    """Return what is known of a relay, for all connections of a worker to share."""
    broken = Destination.objects.filter(name=relay, pipelining_broken_at__gt=now - _TRY_AGAIN_AFTER)
    return Pipelining(is_allowed=not broken.exists())


def remember(relay: str, pipelining: Pipelining, now: datetime) -> None:
    """Store that a worker has found PIPELINING broken, if it has."""
    if pipelining.found_broken:
        pipelining.found_broken = False
        logger.warning("The mail relay %s offers PIPELINING but it does not work: it gets single commands", relay)
        Destination.objects.update_or_create(name=relay, defaults={"pipelining_broken_at": now})
