"""A history of any length, written straight to the database.

`python -m benchmarks.support.history N` in the environment of a product (see `product.py`)
replaces all data with 12 components and N incidents, each with three updates in two
languages that change one component and change it back. Ten incidents began in the last
ninety days, all others in the ten years before. Publishes nothing.
"""

import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import django
from django.db import connection, models, transaction
from django.utils import timezone

django.setup()

# Models can be imported only once Django is set up.
from incidents.models import (  # noqa: E402
    AffectedComponent,
    Component,
    Incident,
    Page,
    StaleSubject,
    Update,
)
from incidents.operations import rebuild_statuses  # noqa: E402
from incidents.status import ComponentStatus, Impact, Phase  # noqa: E402
from incidents.text import Text  # noqa: E402

COMPONENTS = 12
YEARS = 10
RECENT = 10
# An update of average length, with the Markdown that people use.
DANISH = (
    "Vi har siden i morges set, at en del af forespørgslerne til **{name}** bliver afvist. Fejlen ligger hos en "
    "underleverandør, og vi er i løbende kontakt med dem.\n\n- Nye forbindelser lykkes som regel i andet forsøg.\n"
    "- Data går ikke tabt.\n\nSe også [vores vejledning](https://example.com/vejledning). Hændelse {number}."
)
ENGLISH = (
    "Since this morning we have seen part of the requests to **{name}** being refused. The fault lies with one of our "
    "providers, and we are in touch with them all the time.\n\n- New connections mostly succeed the second time.\n"
    "- No data is lost.\n\nSee also [our guide](https://example.com/guide). Incident {number}."
)
STEPS = (
    (Phase.INVESTIGATING, timedelta(), ComponentStatus.PARTIAL_OUTAGE),
    (Phase.IDENTIFIED, timedelta(minutes=25), ComponentStatus.DEGRADED_PERFORMANCE),
    (Phase.RESOLVED, timedelta(minutes=70), ComponentStatus.OPERATIONAL),
)


@transaction.atomic
def fill(number: int, components: int = COMPONENTS) -> None:
    for model in (StaleSubject, Incident, Component):
        model.objects.all().delete()
    Page.objects.get_or_create(defaults={"name": Text(da="Nordhost driftsstatus", en="Nordhost status")})
    made = make_components(components)
    for start in range(0, number, 1_000):
        some = range(start, min(start + 1_000, number))
        add_incidents([(index, began(index, number), made[index % components]) for index in some])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # as autovacuum does after so many new rows
    rebuild_statuses(components=[component.pk for component in made], announce=False)


def began(index: int, number: int) -> datetime:
    """The latest days look the same however long the history is."""
    newest = timezone.now() - timedelta(hours=3)
    if index < RECENT:
        return newest - index * timedelta(days=9)
    return newest - timedelta(days=100) - (index - RECENT) * timedelta(days=365 * YEARS) / number


def make_components(number: int) -> list[Component]:
    since = timezone.localdate() - timedelta(days=365 * (YEARS + 1))
    names = [f"System {index + 1}" for index in range(number)]
    made = [
        Component(slug=f"system-{index}", name=Text(da=name, en=name), position=index, start_date=since)
        for index, name in enumerate(names)
    ]
    return Component.objects.bulk_create(made)


def add_incidents(drawn: Sequence[tuple[int, datetime, Component]]) -> None:
    incidents = Incident.objects.bulk_create(incident(index, start) for index, start, _component in drawn)
    posted = [
        (update(one, phase, start + after, index, component), component, status)
        for one, (index, start, component) in zip(incidents, drawn, strict=True)
        for phase, after, status in STEPS
    ]
    Update.objects.bulk_create(update for update, _component, _status in posted)
    add(AffectedComponent, [{"update": one, "component": what, "status": status} for one, what, status in posted])


def add(model: type[models.Model], rows: list[dict[str, Any]]) -> None:
    model._default_manager.bulk_create(model(**row) for row in rows)


def incident(index: int, start: datetime) -> Incident:
    return Incident(
        title=Text(da=f"Afviste forespørgsler {index}", en=f"Refused requests {index}"),
        impact=Impact.MINOR,
        phase=Phase.RESOLVED,
        started_at=start,
        ended_at=start + STEPS[-1][1],
        published_at=start,
    )


def update(one: Incident, phase: Phase, at: datetime, index: int, component: Component) -> Update:
    name = component.name["en"]
    text = Text(da=DANISH.format(name=name, number=index), en=ENGLISH.format(name=name, number=index))
    return Update(incident=one, phase=phase, text=text, at=at, published_at=at, notify=False)


if __name__ == "__main__":
    fill(int(sys.argv[1]))
