"""A sentence that says how many people an update would reach."""

from collections.abc import Iterable, Mapping

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ..models import Incident, Subscriber
from ..wording import language_name
from . import audience


def reach(kind: str, components: Iterable[str], incident: Incident | None = None) -> str:
    """“Reaches 12 people (Email, Danish: 9 · Email, English: 3).” Followers of components named earlier count too."""
    concerned = {*components, *(audience.affected_component_ids(incident) if incident else [])}
    return reach_of(audience.count(kind, sorted(concerned), incident.pk if incident else ""))


def reach_of(people: Mapping[tuple[str, str], int]) -> str:
    """The same sentence for `{(channel, language): people}`."""
    total = sum(people.values())
    if not total:
        return _("Nobody subscribes to this.")
    channels = dict(Subscriber.Channel.choices)
    parts = [f"{channels[channel]}, {language_name(code)}: {number}" for (channel, code), number in people.items()]
    sentence = ngettext("Reaches %(count)d person (%(parts)s).", "Reaches %(count)d people (%(parts)s).", total)
    return sentence % {"count": total, "parts": " · ".join(parts)}
