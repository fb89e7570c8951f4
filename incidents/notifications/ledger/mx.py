"""MX groups: domains with the same mail servers share a destination, and so its backoff (STANDARDS 2c).

A relay that contacts the recipient's server during the SMTP session returns that server's
replies: `451 4.7.500 Server busy` for thousands of domains that Microsoft hosts. As
separate destinations each would be probed; as one destination they get one probe.

The scheduler looks up MX records in advance and stores them in PostgreSQL. Sending never
queries a name server, so none can delay it: an unknown domain is a destination of its own.
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
from django.db.models import CharField, F, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from ...models import Delivery, Destination, MailDomain, Subscriber
from ...models.mail_domains import TRUSTED_FOR
from .. import addressing
from . import destinations

logger = logging.getLogger(__name__)

_CONCURRENCY = 20
_BATCH = 500  # domains
_TIMEOUT = 5.0  # seconds
# When a domain is looked up again whose name servers did not answer.
_RETRY_AFTER = timedelta(hours=1)


def group_of(domain: str) -> str:
    """Return the destination that a domain belongs to."""
    if not settings.GROUP_BY_MX:
        return domain
    known = MailDomain.objects.filter(name=domain).values_list("group", flat=True)
    return known.first() or domain


def group_expression(domain: str) -> F | Coalesce:
    """Return `group_of` as an expression for rows that have their domain as an annotation of that name."""
    if not settings.GROUP_BY_MX:
        return F(domain)
    known = MailDomain.objects.filter(name=OuterRef(domain)).values("group")
    return Coalesce(Subquery(known), F(domain), output_field=CharField())


def look_up(now: datetime) -> int:
    """Look up domains that are new or were looked up more than a week ago, and delete unused ones. Return their number.

    Deliveries that wait for a domain are moved to its group if that has changed.
    """
    MailDomain.objects.filter(known_at__lt=now - 2 * TRUSTED_FOR).delete()
    looked_up: set[str] = set()
    while names := _unknown_domains(now):
        groups = asyncio.run(_look_up_groups(names))
        _save(names, groups, now)
        looked_up.update(names)
    destinations.forget_unused(looked_up)  # their last subscriber may have been erased while name servers answered
    return len(looked_up)


def mx_group(hosts: Iterable[str]) -> str:
    """Return the part of the preferred mail servers' names that domains at the same provider share.

    Large providers have a server name per customer: `example-dk.mail.protection.outlook.com`.
    """
    host = min(hosts, default="").rstrip(".").lower()
    _own, _dot, rest = host.partition(".")
    return rest if rest.count(".") >= 2 else host


def _unknown_domains(now: datetime) -> list[str]:
    known = MailDomain.objects.known(now).values("name")
    readers = Subscriber.objects.active().filter(channel=Subscriber.Channel.EMAIL).exclude(address="")
    domains = readers.annotate(domain=addressing.MAIL_DOMAIN).exclude(domain__in=known).order_by()
    return list(domains.values_list("domain", flat=True).distinct()[:_BATCH])


async def _look_up_groups(names: Collection[str]) -> dict[str, str]:
    # Return the group of each domain whose name servers answered.
    resolver, slots = _resolver(), asyncio.Semaphore(_CONCURRENCY)

    async def look_up_one(name: str) -> tuple[str, str]:
        async with slots:
            return name, await _group(resolver, name)

    answers = await asyncio.gather(*(look_up_one(name) for name in names))
    return {name: group for name, group in answers if group}


async def _group(resolver: dns.asyncresolver.Resolver, name: str) -> str:
    # Return an empty text if no name server answers. A domain without MX is its own mail server (RFC 5321 §5.1).
    try:
        answer = await resolver.resolve(name, "MX", lifetime=_TIMEOUT)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return name
    except (dns.exception.DNSException, OSError) as error:
        logger.info("An MX lookup failed: %s", type(error).__name__)
        return ""
    best = min(record.preference for record in answer)
    return mx_group(str(record.exchange) for record in answer if record.preference == best) or name


def _resolver() -> dns.asyncresolver.Resolver:
    return dns.asyncresolver.Resolver()


def _save(names: Collection[str], groups: dict[str, str], now: datetime) -> None:
    before = dict(MailDomain.objects.filter(name__in=names).values_list("name", "group"))
    retry_soon = now - TRUSTED_FOR + _RETRY_AFTER
    rows = [
        MailDomain(
            name=name,
            group=groups.get(name, before.get(name, name)),
            known_at=now if name in groups else retry_soon,
        )
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
        _move_waiting(members, group)


def _move_waiting(names: Collection[str], group: str) -> None:
    # Move deliveries that wait for these domains to their group, except those claimed at this moment.
    now = timezone.now()
    for name in Destination.objects.in_trouble().filter(name__in=names).values_list("name", flat=True):
        destinations.record_recovery(name, now)
        destinations.move_all_waiting(name, now)
    Delivery.objects.waiting().filter(holder__isnull=True, destination__in=names).update(destination=group)
