"""A published site with the hardest content that staff can write, and how Django answers on it."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from incidents import operations
from incidents.models import Component, ComponentGroup, Incident
from incidents.status import ComponentStatus, Impact, Phase
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

WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
HOST = f"{'donaudampfschifffahrts' * 2}.{'gesellschaft' * 5}.example.com"
MARKDOWN = f"""# Status kl. 14

Se [vejledningen](https://example.com/{WORD.lower()}), [ikke her](javascript:alert(1)) og [heller ikke](/da/).

## Tal

| Land | Ventende mails | Forsinkelse i minutter | Modtager | Sidste forsøg | {WORD} |
|:---|---:|---|---|---|---|
| Danmark | 1.200 | 10–20 | Outlook.com | 14.32 | {WORD} |
| Sverige | 87 | 5 | Gmail | 14.30 | ok |

#### Sådan gør du

1. Vent.
   - Prøv igen
     - om lidt:

       ```
       telnet {WORD}.example.com 25 # {WORD}
       ```

> Det er `{WORD}`, og **{WORD}**.

- [x] Fundet
- [ ] Løst

https://example.com/{WORD}?{WORD}={WORD}
"""
HARD = Text(da=MARKDOWN, en=MARKDOWN)
ARABIC = "# نحن على علم بالمشكلة\n\n**Server busy** نعمل على حلها.\n\n| أ | ب |\n|---|---|\n| 1 | 2 |"
TITLE = Text(
    da=f"Mail til Outlook.com, Hotmail, Live og {WORD} afvises, forsinkes eller forsvinder",
    en=f"Email to Outlook.com, Hotmail, Live and {WORD} is refused, delayed or lost",
)
STATUSES = [one for one in ComponentStatus if one.severity > ComponentStatus.UNDER_MAINTENANCE.severity]
IMPACTS = [Impact.CRITICAL, Impact.MAJOR, Impact.MINOR, Impact.NONE]


def hardest() -> dict[str, str]:
    """Fill the page, and return the paths to visit (`{}` is the language)."""
    make_page(
        introduction=HARD,
        company=WORD,
        contact=f"{WORD.lower()[:60]}@example.com",
        website="https://example.com/",
        links=[{"label": {"da": WORD}, "address": "https://example.com/"}],
    )
    systems = sixty_components()
    old(systems[0])
    two_on_one_day(systems[0])
    busy_month(systems)
    worst = open_incidents(systems)
    planned, ongoing = maintenance(systems)
    month = timezone.localtime(ago(days=40))
    return {
        "home": "/{}/",
        "incident": f"/{{}}/incidents/{worst.pk}/",
        "postmortem": f"/{{}}/incidents/{postmortem(systems[1]).pk}/",
        "planned": f"/{{}}/incidents/{planned.pk}/",
        "in_progress": f"/{{}}/incidents/{ongoing.pk}/",
        "history": "/{}/history/",
        "month": f"/{{}}/history/{month:%Y/%m}/",
        "component": f"/{{}}/components/{systems[0].slug}/",
        "maintenance": "/{}/maintenance/",
        "follow": "/{}/follow/",
        "banner": "/{}/banner/",
    }


def ago(**span: float) -> datetime:
    return timezone.now() - timedelta(**span)


def sixty_components() -> list[Component]:
    """Return them in six groups; some names are long, or in one language only."""
    start = ago(days=200).date()
    names = [
        Text(da="Kun på dansk"),
        Text(en="Only in English"),
        Text(da=WORD, en=WORD),
        Text(da="Webmail", en="Webmail"),
    ]
    systems = []
    for place in range(6):
        group: ComponentGroup = make_group(name=names[place % 4], description=HARD if place % 2 else Text())
        for number in range(10):
            about = Text(da=MARKDOWN[:1000]) if number == 0 else Text()
            name = names[(place + number) % 4]
            slug = f"system-{place}-{number}"
            systems.append(make_component(slug, name=name, group=group, description=about, start_date=start))
    return systems


def old(system: Component) -> None:
    """An incident four years ago, so that the history has years without any."""
    past(system, ago(days=4 * 365), Text(da="For længe siden"))


def past(system: Component, start: datetime, title: Text, hours: float = 3) -> Incident:
    statement = make_statement(at=start, components={system.pk: ComponentStatus.MAJOR_OUTAGE}, text=HARD)
    incident = make_incident(statement=statement, started_at=start, title=title, impact=Impact.CRITICAL)
    operations.resolve(by=ANYBODY, incident=incident, text=HARD, at=start + timedelta(hours=hours), notify=False)
    return incident


def two_on_one_day(system: Component) -> None:
    start = ago(days=20)
    past(system, start, TITLE, hours=30)
    past(system, start + timedelta(minutes=5), Text(en="Also only in English"), hours=30)


def busy_month(systems: list[Component]) -> None:
    first = ago(days=40)
    for number in range(25):
        past(
            systems[number % 7], first + timedelta(minutes=20 * number), TITLE if number % 3 else Text(en="In English")
        )


def postmortem(system: Component) -> Incident:
    incident = past(system, ago(days=3), TITLE)
    make_update(incident, Phase.POSTMORTEM, text=HARD, at=ago(days=2), quote=ARABIC, quote_language="ar")
    fields = dict.fromkeys(("user_impact", "scope", "root_cause", "next_steps"), HARD)
    operations.edit_incident(by=ANYBODY, incident=incident, details={**fields, "root_cause_status": "final"})  # type: ignore[typeddict-item]
    return incident


def open_incidents(systems: list[Component]) -> Incident:
    """Open fifteen; return the one with everything in every field."""
    for number in range(14):
        broken = {system.pk: STATUSES[number % 3] for system in systems[number : number + 1 + number % 12]}
        title = [
            TITLE,
            Text(da="Kun på dansk"),
            Text(en="Only in English"),
            Text(da="Mail er nede", en="Email is down"),
        ]
        make_incident(
            title=title[number % 4],
            impact=IMPACTS[number % 4],
            started_at=ago(hours=number + 3),
            next_update_by=timezone.now() + timedelta(hours=1),
            statement=make_statement(
                at=ago(hours=number + 2), components=broken, text=HARD if number % 2 else Text(da="Kort.")
            ),
        )
    said = {"quote": ARABIC, "quote_language": "ar", "quote_url": f"https://{HOST}/"}
    everything: dict[str, Any] = dict.fromkeys(("user_impact", "scope", "workaround", "root_cause", "next_steps"), HARD)
    worst = make_incident(
        title=TITLE,
        impact=Impact.CRITICAL,
        started_at=ago(hours=30),
        next_update_by=timezone.now() + timedelta(hours=1),
        upstream_name=WORD,
        upstream_url="https://example.com/",
        root_cause_status="preliminary",
        statement=make_statement(
            Phase.INVESTIGATING,
            at=ago(hours=30),
            text=HARD,
            components=dict.fromkeys([one.pk for one in systems[:30]], ComponentStatus.MAJOR_OUTAGE),
            **said,
        ),
        **everything,
    )
    states = {system.pk: STATUSES[place % 3] for place, system in enumerate(systems[:30])}
    first = make_update(worst, Phase.IDENTIFIED, text=Text(da=MARKDOWN), components=states, at=ago(hours=20))
    operations.correct_update(by=ANYBODY, update=first, text=HARD)
    operations.correct_update(
        by=ANYBODY,
        update=make_update(worst, Phase.MITIGATED, text=HARD, at=ago(hours=1), **said),
        text=Text(en=MARKDOWN),
    )
    return worst


def maintenance(systems: list[Component]) -> tuple[Incident, Incident]:
    """Return planned work and work in progress; other work is planned, or cancelled."""
    tomorrow = timezone.now() + timedelta(days=1)
    planned = make_maintenance(
        start=tomorrow, end=tomorrow + timedelta(days=2), components=tuple(systems[:12]), title=TITLE, scope=HARD
    )
    make_maintenance(start=tomorrow, end=tomorrow + timedelta(hours=2), title=Text(en="Only in English"))
    called_off = make_maintenance(start=tomorrow, end=tomorrow + timedelta(hours=1))
    operations.cancel_maintenance(by=ANYBODY, incident=called_off, text=HARD, notify=False)
    ongoing = make_maintenance(
        start=ago(minutes=30), end=timezone.now() + timedelta(hours=5), components=tuple(systems[40:45]), title=TITLE
    )
    operations.start_maintenance(by=ANYBODY, incident=ongoing, text=HARD, notify=False)
    return planned, ongoing
