"""Mail domains with so few readers that the name of the domain may identify one of them."""

from collections import Counter
from collections.abc import Iterable

from django.conf import settings
from django.db.models import Count

from ...models import MailDomain, Subscriber
from .. import addressing

FEW = 5


def with_few_readers(names: Iterable[str]) -> frozenset[str]:
    """Return those destinations that are mail domains, or MX groups, of fewer than `FEW` subscribers.

    Reads all subscribers once: 0.15 s for 100,000.
    """
    wanted = {name for name in names if addressing.is_mail_domain(name)}
    if not wanted:
        return frozenset()
    destinations = {name: name for name in wanted} | _members(wanted)  # by domain
    mail = Subscriber.objects.filter(channel=Subscriber.Channel.EMAIL).exclude(address="")
    domains = mail.annotate(domain=addressing.MAIL_DOMAIN).filter(domain__in=destinations).order_by()
    readers = Counter[str]()
    for domain, number in domains.values_list("domain").annotate(Count("pk")):
        readers[destinations[domain]] += number
    return frozenset(name for name in wanted if readers[name] < FEW)


def _members(groups: set[str]) -> dict[str, str]:
    # Return the group of each domain in these MX groups.
    if not settings.GROUP_BY_MX:
        return {}
    return dict(MailDomain.objects.filter(group__in=groups).values_list("name", "group"))
