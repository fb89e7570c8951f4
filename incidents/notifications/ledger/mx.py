"""Whose mail servers are the same: domains that share them share a destination, and so its pauses (STANDARDS 2c).

A relay that passes on what the recipient's server says, as one does that asks it while
we wait, says `451 4.7.500 Server busy` for thousands of domains that Microsoft hosts.
Each as a destination of its own would be tried by itself; as one they get one probe.

The clock looks up ahead and PostgreSQL remembers. Nothing that sends mail asks a name
server, so none can delay it: what is not known is a destination by itself.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

import dns.asyncresolver
import dns.exception
import dns.resolver
from django.conf import settings
from django.db.models import CharField, F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from ...models import Delivery, Destination, MailDomain, Subscriber
from ...models.mail_domains import BELIEVED
from .. import addressing
from . import destinations

logger = logging.getLogger(__name__)

_AT_ONCE = 20
_MOST = 500  # domains of one round
_SECONDS = 5.0
# A domain whose name servers do not answer is asked about again after so long.
_AGAIN_AFTER = timedelta(hours=1)


def group_of(domain: str) -> str:
    """The destination that a domain belongs to."""
    if not settings.GROUP_BY_MX:
        return domain
    known = MailDomain.objects.filter(name=domain).values_list("group", flat=True)
    return known.first() or domain


def grouped(domain: str) -> F | Coalesce:
    """The same in a query whose rows have their domain as an annotation of that name."""
    if not settings.GROUP_BY_MX:
        return F(domain)
    known = MailDomain.objects.filter(name=OuterRef(domain)).values("group")
    return Coalesce(Subquery(known), F(domain), output_field=CharField())


def look_up(now: datetime) -> int:
    """Asks about domains that nobody has asked about for a week, and forgets those without readers. Returns how many.

    What waits for a domain that turns out to share its servers with others waits with them.
    """
    MailDomain.objects.filter(known_at__lt=now - 2 * BELIEVED).delete()
    asked = 0
    while names := _unknown(now):
        found = asyncio.run(_ask(names))
        _remember(names, found, now)
        asked += len(names)
    return asked


def same_servers(hosts: Iterable[str]) -> str:
    """What the best servers of a domain have in common with those of its neighbours.

    Hosts with very many customers name a server for each: `example-dk.mail.protection.outlook.com`.
    """
    host = min(hosts, default="").rstrip(".").lower()
    _own, _dot, rest = host.partition(".")
    return rest if rest.count(".") >= 2 else host


def _unknown(now: datetime) -> list[str]:
    known = MailDomain.objects.known(now).values("name")
    readers = Subscriber.objects.active().filter(channel=Subscriber.Channel.EMAIL).exclude(address="")
    domains = readers.annotate(domain=addressing.MAIL_DOMAIN).exclude(domain__in=known).order_by()
    return list(domains.values_list("domain", flat=True).distinct()[:_MOST])


async def _ask(names: Collection[str]) -> dict[str, str]:
    """The group of each domain whose name servers answered."""
    resolver, turns = _resolver(), asyncio.Semaphore(_AT_ONCE)

    async def ask(name: str) -> tuple[str, str]:
        async with turns:
            return name, await _group(resolver, name)

    answers = await asyncio.gather(*(ask(name) for name in names))
    return {name: group for name, group in answers if group}


async def _group(resolver: dns.asyncresolver.Resolver, name: str) -> str:
    """Empty if nobody can say now. A domain without such servers takes its mail itself (RFC 5321 §5.1)."""
    try:
        answer = await resolver.resolve(name, "MX", lifetime=_SECONDS)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return name
    except (dns.exception.DNSException, OSError) as error:
        logger.info("The mail servers of a domain are not known: %s", type(error).__name__)
        return ""
    best = min(record.preference for record in answer)
    return same_servers(str(record.exchange) for record in answer if record.preference == best) or name


def _resolver() -> dns.asyncresolver.Resolver:
    return dns.asyncresolver.Resolver()


def _remember(names: Collection[str], found: dict[str, str], now: datetime) -> None:
    before = dict(MailDomain.objects.filter(name__in=names).values_list("name", "group"))
    soon = now - BELIEVED + _AGAIN_AFTER
    rows = [
        MailDomain(name=name, group=found.get(name, before.get(name, name)), known_at=now if name in found else soon)
        for name in names
    ]
    MailDomain.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["name"], update_fields=["group", "known_at"]
    )
    moved = defaultdict(list)
    for row in rows:
        if row.group != before.get(row.name, row.name):
            moved[row.group].append(row.name)
    for group, members in moved.items():
        _move(members, group)


def _move(names: Collection[str], group: str) -> None:
    """Lets what waits for these domains wait for their servers instead, but for what a worker holds at this moment."""
    now = timezone.now()
    for name in Destination.objects.in_trouble().filter(name__in=names).values_list("name", flat=True):
        destinations.note_recovery(name, now)
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=now)
    Delivery.objects.waiting().filter(free, destination__in=names).update(destination=group)
