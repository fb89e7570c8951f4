"""Finds what a command names: an incident by the beginning of its id, components by slug, and times."""

import difflib
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from incidents.models import Component, Incident
from incidents.status import ComponentStatus, Kind
from incidents.wording import words

from .errors import wrong_use

_YEARS = range(1970, 2200)
_FROM_NOW = re.compile(r"\+(\d{1,4})([mhd])", re.ASCII)
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def incident(kind: Kind, beginning: str) -> Incident:
    """Return the only incident, or maintenance, whose id begins like this. Raises CommandError."""
    found = list(Incident.objects.filter(pk__startswith=beginning).newest_first()[:6]) if beginning else []
    exact = [one for one in found if one.pk == beginning] or found
    if not exact:
        raise wrong_use(f"There is no {kind} with the id {beginning}.")
    if len(exact) > 1:
        several = "\n".join(f"  {one.pk}  {words(one.title)}" for one in exact[:5])
        raise wrong_use(f"Several ids begin with {beginning}:\n{several}")
    if exact[0].kind != kind:
        raise wrong_use(f"{exact[0].pk} is of the other kind: manage.py {exact[0].kind} shows and changes it.")
    return exact[0]


def components(given: Iterable[str]) -> dict[str, ComponentStatus]:
    """Return ids and statuses for `web=major_outage` and the like. Raises CommandError."""
    found = {}
    for one in given:
        name, _equals, status = one.partition("=")
        if status not in list(ComponentStatus):
            possible = ", ".join(ComponentStatus)
            raise wrong_use(f"--component {one}: write {name or 'SLUG'}=STATUS, with one of {possible}.")
        found[component(name)] = ComponentStatus(status)
    return found


def component(name: str) -> str:
    """Return the id of the component with this slug or id. Raises CommandError that names similar ones."""
    slugs = dict(Component.objects.order_by("slug").values_list("slug", "pk"))
    if name in slugs or name in slugs.values():
        return slugs.get(name, name)
    near = difflib.get_close_matches(name, slugs, n=5, cutoff=0.5)
    others = f"Similar: {', '.join(near)}." if near else f"There are: {', '.join(slugs)}."
    raise wrong_use(f"--component {name}: there is no such component. {others}")


def moment(given: str) -> datetime:
    """Return `2026-11-28 22:00`, in the page's time zone, a time with an offset, or `+30m` from now.

    Raises CommandError.
    """
    if found := _FROM_NOW.fullmatch(given.strip()):
        return timezone.now() + timedelta(**{_UNITS[found[2]]: int(found[1])})
    try:
        value = parse_datetime(given.strip())
    except ValueError:
        value = None
    if value is None or value.year not in _YEARS:
        raise wrong_use(f"{given}: write a time such as “2026-11-28 22:00”, 2026-11-28T21:00:00Z or +30m.")
    if timezone.is_aware(value):
        return value
    aware = timezone.make_aware(value)
    if aware.astimezone(UTC).astimezone(aware.tzinfo).replace(tzinfo=None) != value:
        raise wrong_use(f"{given}: the clocks leave out this time in {timezone.get_current_timezone_name()}.")
    return aware


def promise(given: str | None) -> datetime | None:
    """Return the time of `--next-update`; None if it is not given. Raises CommandError for one that has passed."""
    time = moment(given) if given else None
    if time is not None and time <= timezone.now():
        raise wrong_use(f"--next-update {given}: this time has passed.")
    return time
