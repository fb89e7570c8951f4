"""Bodies of posts, stored when they are first rendered: every attempt sends the same bytes.

Otherwise a retry would differ from the first attempt by all that has changed in hours or days:
the state of the page, silent updates, names of components, a new version of this product.
What staff correct is an exception: a wrong text must not be sent again.
"""

import hashlib
from datetime import timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from ...models import Announcement, ComponentUpdate, RenderedPost, UpdateRevision
from ..ledger.writer import ClaimedDelivery
from .payloads import Payload, render


def payload_of(row: ClaimedDelivery, news: Announcement | ComponentUpdate | None) -> Payload:
    """Return the stored body, or render and store it. A code is not stored: its body has nothing that changes."""
    if news is None:
        return _render(row, news)
    key = f"{_name_of(news)} {row.channel} {row.language} {row.time_zone}"
    stored = RenderedPost.objects.filter(pk=key)
    if (body := stored.values_list("body", flat=True).first()) is not None:
        return Payload(body.encode(), row.language, row.time_zone)
    body = _render(row, news).body.decode()
    _delete_old()
    # Another worker may have stored it just now; then its body is the one that counts.
    RenderedPost.objects.bulk_create([RenderedPost(key=key, body=body)], ignore_conflicts=True)
    return Payload(stored.get().body.encode(), row.language, row.time_zone)


def _render(row: ClaimedDelivery, news: Announcement | ComponentUpdate | None) -> Payload:
    return render(row.channel, row.letter, row.language, news, row.time_zone)


def _name_of(news: Announcement | ComponentUpdate) -> str:
    if isinstance(news, Announcement):
        return f"announcement {news.pk} {_edition(news)}"
    return f"component {news.pk}"


def _edition(announcement: Announcement) -> str:
    # Changes when staff correct or translate any update, or withdraw one that was public when this was announced, but
    # not with later updates: a body that is rendered late can contain them, too.
    incident, was_public = announcement.update.incident, Q(published_at__lte=announcement.created_at)
    was_replaced = Exists(UpdateRevision.objects.filter(update=OuterRef("pk")))
    relevant = incident.updates.public().filter(was_public | was_replaced)
    updates = [f"{one.pk} {one.changed_at.isoformat()} {sorted(one.text)}" for one in relevant.order_by("pk")]
    titles = [f"{language} {title}" for language, title in sorted(incident.title.items())]
    return hashlib.sha256("\n".join([*titles, *updates]).encode()).hexdigest()[:16]


def _delete_old() -> None:
    before = timezone.now() - timedelta(days=settings.DELIVERIES_KEPT_DAYS)
    RenderedPost.objects.filter(rendered_at__lt=before).delete()
