"""Documents do not depend on the physical order of rows in PostgreSQL or on its query plans."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
import time_machine
from django.apps import apps
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Model
from django.utils import timezone

from incidents import operations
from incidents.management import sample
from incidents.models import (
    AffectedComponent,
    AuditEntry,
    Component,
    ComponentGroup,
    Incident,
    StatusChange,
    Update,
    UpdateRevision,
)
from incidents.publishing.store.renditions import Renderer, all_renditions
from incidents.status import ComponentStatus, Impact, Phase
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import make_component, make_group, make_incident, make_maintenance, make_statement, make_update

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("public_store")]

SHOWN = (AffectedComponent, Component, ComponentGroup, Incident, StatusChange, Update, UpdateRevision)
# The methods of the planner that are disabled for each rendering.
PLANS = (
    ("hashjoin", "mergejoin", "indexscan", "indexonlyscan", "bitmapscan", "hashagg"),
    ("nestloop", "mergejoin", "seqscan", "sort"),
)


@pytest.mark.parametrize("model", SHOWN)
def test_rows_that_readers_see_have_a_total_order_by_default(model: type[Model]) -> None:
    ordering = model._meta.ordering
    assert ordering
    assert str(ordering[-1]).lstrip("-") in {"pk", model._meta.pk.name}


def test_documents_do_not_depend_on_the_order_of_rows_or_the_plan() -> None:
    with time_machine.travel(timezone.now(), tick=False):
        sample.load()
        add_ties(timezone.now())
        expected = rendered()
        for number, plan in enumerate(PLANS):
            rewrite_rows(backwards=not number)
            actual = rendered(without=plan)
            differing = [path for path in expected if actual[path] != expected[path]]
            assert differing == [], f"without {', '.join(plan)}"
            assert list(actual) == list(expected), "the order of writing"


def add_ties(now: datetime) -> None:
    """Create several of everything with the same time and position."""
    groups = [make_group() for _ in range(3)]
    systems = [make_component(group=group) for group in (None, *groups) for _ in range(3)]
    hours = {number: now - timedelta(hours=number) for number in range(12)}
    for _ in range(4):
        _incident_on_all(systems, hours[3], hours[1])
        resolved = _incident_on_all(systems, hours[9], hours[8])
        operations.resolve(by=ANYBODY, incident=resolved, text=Text(da="Slut.", en="Over."), at=hours[7], notify=False)
        for start, end in ((hours[6], hours[5]), (hours[2], now + timedelta(hours=1))):
            work = make_maintenance(start=start, end=end, components=tuple(systems))
            make_update(work, Phase.IN_PROGRESS, at=start)
            if end < now:
                make_update(work, Phase.COMPLETED, at=end)
        make_maintenance(start=now + timedelta(days=1), end=now + timedelta(days=2), components=tuple(systems))
    Component.objects.update(position=0, created_at=now, updated_at=now)
    ComponentGroup.objects.update(position=0, created_at=now)
    Update.objects.update(created_at=now)
    UpdateRevision.objects.update(replaced_at=now)


def _incident_on_all(systems: Sequence[Component], start: datetime, later: datetime) -> Incident:
    """Create an incident with two updates at the same time, each corrected twice."""
    slow = {system.pk: ComponentStatus.DEGRADED_PERFORMANCE for system in systems}
    down = {system.pk: ComponentStatus.PARTIAL_OUTAGE for system in systems}
    incident = make_incident(statement=make_statement(at=start, components=slow), started_at=start, impact=Impact.MAJOR)
    for text in ("First.", "Second."):
        update = make_update(incident, at=later, components=down, text=Text(da=text, en=text))
        operations.correct_update(by=ANYBODY, update=update, text=Text(da=f"{text} (da)", en=f"{text} (en)"))
        operations.correct_update(by=ANYBODY, update=update, text=Text(da=f"{text} Rettet.", en=f"{text} Corrected."))
    return incident


def rewrite_rows(*, backwards: bool) -> None:
    """Store the rows of every table in another physical order: reversed or random."""
    order = "place DESC" if backwards else "random()"
    with transaction.atomic(), connection.cursor() as cursor:  # foreign keys are checked at the end
        for model in apps.get_models(include_auto_created=True):
            table = connection.ops.quote_name(model._meta.db_table)
            names = [field.column for field in model._meta.concrete_fields if not field.generated]
            if model._meta.proxy or not model._meta.managed or model is AuditEntry:  # which refuses it
                continue
            columns = ", ".join(connection.ops.quote_name(str(name)) for name in names)
            cursor.execute(f"CREATE TEMP TABLE kept ON COMMIT DROP AS SELECT {columns}, ctid AS place FROM {table}")
            cursor.execute(f"DELETE FROM {table}")
            cursor.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM kept ORDER BY {order}")
            cursor.execute("DROP TABLE kept")


def rendered(without: Sequence[str] = ()) -> dict[str, str | bytes | None]:
    """Return every document that depends on rows, in the default language, by path."""
    with transaction.atomic(), connection.cursor() as cursor:
        for choice in {choice for plan in PLANS for choice in plan}:
            cursor.execute(f"SET LOCAL enable_{choice} = {'off' if choice in without else 'on'}")
        renderer = Renderer()
        danish = [rendition for rendition in all_renditions() if rendition.language == settings.LANGUAGE_CODE]
        return {one.path: renderer.render(one) for one in danish if not one.path.endswith((".css", ".js", ".png"))}
