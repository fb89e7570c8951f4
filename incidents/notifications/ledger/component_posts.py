"""The order of component posts: a webhook must not be left with an outdated status of a component.

Standard Webhooks promise no order, and a retry can take a day. So a waiting post is skipped
once a newer status of the same component is released, and a newer one waits while an older
one is in flight.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef

from ...models import ComponentUpdate, Delivery, DeliveryState, SkipReason
from ...models.deliveries import DeliveryQuerySet
from .writer import skip

# A post ends within 30 seconds. One that is still in flight after this was left behind by a dead worker.
_IN_FLIGHT = timedelta(minutes=1)


def skip_superseded(update: ComponentUpdate) -> int:
    """Skip waiting posts of older statuses of the component. Return their number."""
    older = ComponentUpdate.objects.released().filter(component=update.component_id, created_at__lt=update.created_at)
    posts = Delivery.objects.posted().filter(letter=Delivery.Letter.COMPONENT, component_update__in=older)
    return skip(posts, SkipReason.SUPERSEDED)


def skip_reasons(pks: Collection[str | None]) -> dict[str | None, str]:
    """Return why not to post these component updates any more, by id; empty for those to post."""
    wanted = {pk for pk in pks if pk is not None}
    if not wanted:
        return {}
    newer = ComponentUpdate.objects.released().filter(
        component=OuterRef("component"), created_at__gt=OuterRef("created_at")
    )
    rows = ComponentUpdate.objects.filter(pk__in=wanted).annotate(superseded=Exists(newer))
    found: dict[str | None, str] = dict.fromkeys(wanted, SkipReason.HIDDEN.value)  # the component may be deleted
    for pk, hidden, superseded in rows.values_list("pk", "component__hidden", "superseded"):
        found[pk] = SkipReason.HIDDEN if hidden else SkipReason.SUPERSEDED if superseded else ""
    return found


def without_overtaking(posts: DeliveryQuerySet, now: datetime) -> DeliveryQuerySet:
    """Leave out posts to a webhook that is being sent an older status of the same component."""
    in_flight = Delivery.objects.filter(
        state=DeliveryState.SENDING,
        claimed_at__gt=now - _IN_FLIGHT,
        subscriber=OuterRef("subscriber"),
        component_update__component=OuterRef("component_update__component"),
    )
    return posts.exclude(Exists(in_flight))
