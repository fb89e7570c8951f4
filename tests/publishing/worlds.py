"""Published sites for browser tests: one with everything on it, one crowded, one empty."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from wsgiref.types import WSGIApplication

import pytest
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from incidents import operations
from incidents.publishing.store.renditions import all_renditions
from incidents.publishing.store.run import Run
from incidents.status import ComponentStatus, Impact
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import (
    make_component,
    make_group,
    make_incident,
    make_maintenance,
    make_page,
    make_statement,
    make_update,
)
from tests.public_site.sites import django_stand_in, site
from tests.support.wsgi import serving

LONG = "Donaudampfschifffahrt" * 9 + "gesellschaft"
TABLE = f"| Land | Kø |\n|---|---|\n| Danmark | 1200 |\n\n```\n{LONG}\n```\n\n{LONG} 🎉"


@dataclass
class Published:
    """The address of a site, the paths to visit (`{}` is the language), and what failed to be published."""

    address: str
    paths: dict[str, str]
    failed: dict[str, str]

    def url(self, kind: str, language: str = "da") -> str:
        return self.address + self.paths[kind].format(language)


def troubled() -> dict[str, str]:
    """Every kind of content, with long words and right-to-left text."""
    make_page(links=[{"label": {"da": LONG[:100]}, "address": "https://example.com/"}])
    start = (timezone.now() - timedelta(days=60)).date()
    group = make_group()
    systems = [make_component(f"system-{number}", group=group, start_date=start) for number in range(4)]
    make_component("long", name=Text(da=LONG[:100]), description=Text(da=LONG))
    past = timezone.now() - timedelta(days=20)
    resolved = make_incident(
        statement=make_statement(at=past, components={systems[0].pk: ComponentStatus.MAJOR_OUTAGE}), started_at=past
    )
    operations.resolve(
        by=ANYBODY, incident=resolved, text=Text(da="Slut."), at=past + timedelta(hours=30), notify=False
    )
    again = {systems[0].pk: ComponentStatus.MAJOR_OUTAGE}
    second = make_incident(statement=make_statement(at=past, components=again), started_at=past)
    operations.resolve(by=ANYBODY, incident=second, text=Text(da="Slut."), at=past + timedelta(hours=30), notify=False)
    incident = make_incident(
        statement=make_statement(
            at=timezone.now() - timedelta(hours=3),
            quote="نحن على علم بالمشكلة. **Server busy**",
            quote_language="ar",
            quote_url="https://status.example.com/",
        ),
        started_at=timezone.now() - timedelta(hours=3),
        title=Text(da=LONG[:180]),
        impact=Impact.MAJOR,
        scope=Text(da=TABLE),
        workaround=Text(en="Only in English."),
        next_update_by=timezone.now() + timedelta(hours=1),
        upstream_name="Microsoft",
    )
    components = {systems[1].pk: ComponentStatus.PARTIAL_OUTAGE, systems[2].pk: ComponentStatus.DEGRADED_PERFORMANCE}
    update = make_update(incident, components=components, at=timezone.now() - timedelta(hours=2))
    operations.correct_update(by=ANYBODY, update=update, text=Text(da=TABLE))
    tomorrow = timezone.now() + timedelta(days=1)
    make_maintenance(start=tomorrow, end=tomorrow + timedelta(hours=1), components=(systems[3],))
    return {
        "home": "/{}/",
        "incident": f"/{{}}/incidents/{incident.pk}/",
        "history": "/{}/history/",
        "month": f"/{{}}/history/{timezone.localtime():%Y/%m}/",
        "component": "/{}/components/system-0/",
        "maintenance": "/{}/maintenance/",
        "follow": "/{}/follow/",
        "banner": "/{}/banner/",
    }


def crowded() -> dict[str, str]:
    """Sixty components, an incident of eleven months with forty updates, and a small one."""
    make_page()
    systems = [make_component(f"system-{number}") for number in range(60)]
    begun = timezone.now() - timedelta(days=335)
    slow = {system.pk: ComponentStatus.DEGRADED_PERFORMANCE for system in systems[:30]}
    incident = make_incident(
        statement=make_statement(at=begun, components=slow),
        started_at=begun,
        title=Text(da="🎉 " + "Lang historie " * 10),
    )
    for number in range(39):
        make_update(incident, at=begun + timedelta(days=8 * number + 1), text=Text(da=f"Opdatering {number}."))
    make_incident(impact=Impact.NONE)
    return {"home": "/{}/", "incident": f"/{{}}/incidents/{incident.pk}/", "banner": "/{}/banner/"}


def empty() -> dict[str, str]:
    make_page()
    return {"home": "/{}/", "history": "/{}/history/"}


@contextmanager
def publishing(
    root: Path, blocker: DjangoDbBlocker, fill: Callable[[], dict[str, str]], django: WSGIApplication = django_stand_in
) -> Iterator[Published]:
    """Publish what `fill` creates, and serve it as in production: only the pages to visit, and the assets."""
    with pytest.MonkeyPatch.context() as patch, blocker.unblock(), transaction.atomic():
        patch.setattr(settings, "PUBLIC_ROOT", root)
        paths = fill()
        wanted = {path.format(code) for path in paths.values() for code in ("da", "en")}
        run = Run()
        run.write(one for one in all_renditions() if one.path in wanted or one.path.endswith((".css", ".js", ".svg")))
        report = run.finish()
        transaction.set_rollback(True)
    with serving(site(root, django)) as port:
        yield Published(f"http://127.0.0.1:{port}", paths, report.failed)
