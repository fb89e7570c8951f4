"""Published sites in six situations, for what the first screen must show in each."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.utils import timezone

from incidents import operations
from incidents.models import Component, Incident
from incidents.status import ComponentStatus, Impact, Phase
from incidents.text import Text
from tests.actors import ANYBODY
from tests.factories import make_component, make_group, make_incident, make_maintenance, make_page, make_statement
from tests.factories import make_update as post

MINOR, PARTIAL, MAJOR = (
    ComponentStatus.DEGRADED_PERFORMANCE,
    ComponentStatus.PARTIAL_OUTAGE,
    ComponentStatus.MAJOR_OUTAGE,
)
INTRODUCTION = Text(
    da="Her kan du se, hvordan det går med vores tjenester. Er noget galt, som ikke står her, så skriv til os.",
    en="This page shows how our services are doing. If something is wrong that is not on it, please write to us.",
)
NAMES = {
    "incoming": ("Indgående mail", "Incoming email"),
    "outgoing": ("Udgående mail", "Outgoing email"),
    "webmail": ("Webmail", "Webmail"),
    "websites": ("Hjemmesider", "Websites"),
    "databases": ("Databaser", "Databases"),
    "panel": ("Kontrolpanel", "Control panel"),
}
SLOW = Text(
    da="Mail til Outlook.com kommer 10–20 minutter for sent frem. Microsoft afviser en del af forbindelserne; vi "
    "prøver igen, og ingen mail går tabt.",
    en="Email to Outlook.com arrives 10–20 minutes late. Microsoft refuses some of our connections; we try again, "
    "and no email is lost.",
)
DOWN = Text(
    da="Lageret under mailserverne svarer ikke. Vi er ved at flytte dem til det andet datacenter. Mail, der er på "
    "vej, venter og går ikke tabt.",
    en="The storage below the mail servers does not respond. We are moving them to the other data centre. Email in "
    "transit waits and is not lost.",
)
PANEL = Text(
    da="Det tager op til et minut at logge ind. Vi har fundet årsagen.",
    en="Signing in takes up to a minute. We have found the cause.",
)
WORK = Text(
    da="Vi er begyndt at udskifte diskene. Hjemmesiderne kan være langsomme imens.",
    en="We have started to replace the disks. Websites can be slow in the process.",
)
OVER = Text(da="Mail til Outlook.com kommer frem til tiden igen.", en="Email to Outlook.com arrives on time again.")


@dataclass(frozen=True)
class Shown:
    """What the first screen must show: texts per language, of the incidents in the page's order."""

    headline: tuple[str, str]
    incidents: list[Incident] = field(default_factory=list)
    said: list[tuple[str, str]] = field(default_factory=list)


def systems() -> dict[str, Component]:
    make_page(introduction=INTRODUCTION)
    start = (timezone.now() - timedelta(days=200)).date()
    groups = {name: make_group(name=Text(da=name, en=name)) for name in ("Mail", "Web")}
    return {
        slug: make_component(
            slug, name=Text(da=da, en=en), group=groups["Mail" if "mail" in en.lower() else "Web"], start_date=start
        )
        for slug, (da, en) in NAMES.items()
    }


def ago(**span: float) -> datetime:
    return timezone.now() - timedelta(**span)


def incident(title: tuple[str, str], impact: Impact, text: Text, broken: dict[Component, ComponentStatus]) -> Incident:
    states = {component.pk: status for component, status in broken.items()}
    opened = make_incident(
        title=Text(da=title[0], en=title[1]),
        impact=impact,
        started_at=ago(hours=2),
        next_update_by=timezone.now() + timedelta(hours=1),
        statement=make_statement(Phase.INVESTIGATING, at=ago(hours=2), components=states),
    )
    post(opened, Phase.IDENTIFIED, text=text, at=ago(hours=1, minutes=20))
    return opened


def slow_mail(parts: dict[str, Component]) -> Incident:
    title = ("Forsinket mail til Outlook.com", "Delayed email to Outlook.com")
    return incident(title, Impact.MINOR, SLOW, {parts["outgoing"]: MINOR})


def slow_panel(parts: dict[str, Component]) -> Incident:
    title = ("Langsom indlogning i kontrolpanelet", "Slow sign-in to the control panel")
    return incident(title, Impact.MINOR, PANEL, {parts["panel"]: MINOR})


def mail_down(parts: dict[str, Component]) -> Incident:
    title = ("Al mail er nede", "All email is down")
    broken = {parts["incoming"]: MAJOR, parts["outgoing"]: MAJOR, parts["webmail"]: PARTIAL}
    return incident(title, Impact.CRITICAL, DOWN, broken)


def well() -> Shown:
    systems()
    return Shown(("Alle systemer er i drift", "All systems are operational"))


def one_minor() -> Shown:
    incident = slow_mail(systems())
    return Shown(
        ("Nogle systemer har nedsat ydeevne", "Some systems have degraded performance"),
        [incident],
        [("Mail til Outlook.com kommer", "Email to Outlook.com arrives")],
    )


def critical_and_two_minor() -> Shown:
    parts = systems()
    small, panel, down = slow_mail(parts), slow_panel(parts), mail_down(parts)
    return Shown(("Større nedbrud", "Major outage"), [down, panel, small], [("Lageret under", "The storage below")])


def work_in_progress() -> Shown:
    parts = systems()
    title = Text(da="Udskiftning af diske", en="Disk replacement")
    until = timezone.now() + timedelta(hours=1)
    work = make_maintenance(start=ago(minutes=30), end=until, components=(parts["websites"],), title=title)
    post(work, Phase.IN_PROGRESS, text=WORK)
    return Shown(
        ("Vedligeholdelse er i gang", "Maintenance is under way"),
        [work],
        [("Vi er begyndt at", "We have started to")],
    )


def three_at_once() -> Shown:
    parts = systems()
    sites = ("Hjemmesider svarer ikke", "Websites do not respond")
    data = ("Databaser er langsomme", "Databases are slow")
    slow = incident(data, Impact.MAJOR, PANEL, {parts["databases"]: PARTIAL})
    web = incident(sites, Impact.MAJOR, DOWN, {parts["websites"]: MAJOR})
    down = mail_down(parts)
    return Shown(("Større nedbrud", "Major outage"), [down, web, slow], [("Lageret under", "The storage below")])


def resolved_an_hour_ago() -> Shown:
    over = slow_mail(systems())
    operations.resolve(by=ANYBODY, incident=over, text=OVER, at=ago(hours=1), notify=False)
    return Shown(
        ("Alle systemer er i drift", "All systems are operational"),
        [over],
        [("Mail til Outlook.com kommer frem", "Email to Outlook.com arrives on time")],
    )


SITUATIONS: tuple[Callable[[], Shown], ...] = (
    well,
    one_minor,
    critical_and_two_minor,
    work_in_progress,
    three_at_once,
    resolved_an_hour_ago,
)
