"""Mail domains with so few readers that the name of the domain may identify one of them."""

from collections.abc import Iterable

from django.db.models import Count

from ...models import Subscriber
from .. import addressing
from ..ledger import mx

FEW = 5


def with_few_readers(names: Iterable[str]) -> frozenset[str]:
    """Return those destinations that are mail domains or MX groups of fewer than `FEW` subscribers, in one query."""
    domains = {name for name in names if addressing.is_mail_domain(name)}
    if not domains:
        return frozenset()
    readers = Subscriber.objects.filter(channel=Subscriber.Channel.EMAIL).exclude(address="")
    grouped = readers.annotate(domain=addressing.MAIL_DOMAIN).annotate(place=mx.group_expression("domain")).order_by()
    numbers = dict(grouped.filter(place__in=domains).values_list("place").annotate(Count("pk")))
    return frozenset(name for name in domains if numbers.get(name, 0) < FEW)
