"""The record of a subscriber's consent: every round and every change of what it covers. Rows are only added."""

from collections.abc import Sequence
from datetime import datetime

from django.db import connection
from django.utils import timezone

from ..models import Component, ConsentRecord, Subscriber
from .lifecycle import Choices

Step = ConsentRecord.Step
Method = ConsentRecord.Method

# OFFSET 0 keeps PostgreSQL, which has no statistics of the new rows, from reading all subscribers for each batch.
_OF_IMPORT = f"""
INSERT INTO {ConsentRecord._meta.db_table} (
    subscriber_id, step, opt_in_round, at, text, method, source, language, wants_incidents, wants_maintenance,
    components, incidents
)
SELECT s.id, '{Step.CONFIRMED}', s.opt_in_round, coalesce(s.confirmed_at, s.requested_at), s.consent_text,
       '{Method.IMPORT}', s.consent_source, s.language, s.wants_incidents, s.wants_maintenance,
       ARRAY(
           SELECT c.slug FROM {Subscriber.components.through._meta.db_table} AS chosen
             JOIN {Component._meta.db_table} AS c ON c.id = chosen.component_id
            WHERE chosen.subscriber_id = s.id ORDER BY c.slug
       ), '{{}}'
  FROM unnest(%s::text[]) WITH ORDINALITY AS imported (id, place),
       LATERAL (SELECT * FROM {Subscriber._meta.db_table} WHERE id = imported.id OFFSET 0) AS s
 ORDER BY imported.place
"""  # noqa: S608 - own names only
_SCOPE = ("language", "wants_incidents", "wants_maintenance", "components", "incidents")


def record(subscriber: Subscriber, step: Step, method: Method, text: str = "") -> None:
    """Add one step with the subscriber's stored choices. `text` is the version of the wording that was shown."""
    _record(subscriber, step, method, text).save()


def record_change(subscriber: Subscriber, method: Method) -> None:
    """Add a step if the subscriber's stored choices differ from those of the last one."""
    now, last = _record(subscriber, Step.CHANGED, method, ""), subscriber.consents.last()
    if last is None or any(getattr(now, name) != getattr(last, name) for name in _SCOPE):
        now.save()


def record_import(subscribers: Sequence[str]) -> None:
    """Add the first step of imported subscribers, by id: a consent that was given elsewhere, when the import says.

    In one statement, because there may be 100,000.
    """
    with connection.cursor() as cursor:
        cursor.execute(_OF_IMPORT, [list(subscribers)])


def last_choices(subscriber: Subscriber) -> Choices:
    """Return the choices of the last step that the owner took; the present ones if no such step was recorded."""
    last = subscriber.consents.exclude(step=Step.REQUESTED).last()
    if last is None:
        return Choices.of(subscriber)
    components = Component.objects.filter(slug__in=last.components).in_page_order()
    return Choices(last.language, last.wants_incidents, last.wants_maintenance, tuple(components))


def _record(subscriber: Subscriber, step: Step, method: Method, text: str) -> ConsentRecord:
    components = list(subscriber.components.order_by("slug").values_list("slug", flat=True))
    # A stranger can ask to follow an incident: only a request covers what was not confirmed.
    followed = subscriber.incident_choices.filter(told=True).order_by("incident_id")
    followed = followed if step is Step.REQUESTED else followed.confirmed()
    incidents = list(followed.values_list("incident_id", flat=True))
    return _with_scope(subscriber, step, method, text, components=components, incidents=incidents, at=timezone.now())


def _with_scope(
    subscriber: Subscriber,
    step: Step,
    method: Method,
    text: str,
    *,
    components: list[str],
    incidents: list[str],
    at: datetime | None,
) -> ConsentRecord:
    return ConsentRecord(
        subscriber_id=subscriber.pk,
        step=step,
        opt_in_round=subscriber.opt_in_round,
        at=at,
        text=text,
        method=method,
        source=subscriber.consent_source,
        language=subscriber.language,
        wants_incidents=subscriber.wants_incidents,
        wants_maintenance=subscriber.wants_maintenance,
        components=components,
        incidents=incidents,
    )
