"""Why a component has its status: the incidents that cause it, or a status set by hand."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from django.db.models import OuterRef, Subquery
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from ..claims import Claim
from ..labels import COMPONENT_STATUSES
from ..models import Component, Incident, StatusChange
from ..operations.claims import open_claims
from ..operations.effects import named_components
from ..status import ComponentStatus
from ..wording import listed, passage, state
from .addresses import incident_page


@dataclass(frozen=True)
class Reason:
    """A status other than operational, and the incidents that cause it; without any it was set by hand."""

    status: ComponentStatus
    incidents: tuple[Incident, ...] = ()

    @property
    def causes(self) -> SafeString:
        """Return the titles of the incidents, linked, or “set by hand”."""
        return joined([linked(one) for one in self.incidents]) if self.incidents else SafeString(_("set by hand"))

    @property
    def because(self) -> SafeString:
        pattern = _("{status} because of {incidents}") if self.incidents else _("{status}, set by hand")
        return self._fill(pattern)

    @property
    def stays(self) -> SafeString:
        pattern = _("Stays {status} because of {incidents}") if self.incidents else _("Stays {status}, set by hand")
        return self._fill(pattern)

    def stays_for(self, components: Sequence[Component]) -> SafeString:
        """Return a sentence that says that the components have this status still, and why."""
        if self.incidents:
            pattern = ngettext(
                "{components} stays {status} because of {incidents}.",
                "{components} stay {status} because of {incidents}.",
                len(components),
            )
        else:
            pattern = ngettext(
                "{components} stays {status}, set by hand.", "{components} stay {status}, set by hand.", len(components)
            )
        return self._fill(pattern, components=joined([passage(one.name) for one in components]))

    def _fill(self, pattern: str, **parts: SafeString) -> SafeString:
        titles = joined([linked(one) for one in self.incidents])
        return format_html(pattern, status=COMPONENT_STATUSES[self.status], incidents=titles, **parts)


def reasons_of_others(components: Collection[str], incident: Incident | None = None) -> dict[str, list[Reason]]:
    """Return what others than the incident say of each component now, by its id, the worst first, in four queries."""
    claims = open_claims(components, besides=incident.pk if incident else "")
    incidents = Incident.objects.in_bulk({claim.cause for found in claims.values() for claim in found if claim.cause})
    return {key: _reasons(found, incidents) for key, found in claims.items()}


def _reasons(claims: Iterable[Claim], incidents: Mapping[str, Incident]) -> list[Reason]:
    ordered = sorted(claims, key=lambda claim: (-claim.status.severity, claim.start))
    return [
        Reason(status, tuple(incidents[claim.cause] for claim in some if claim.cause in incidents))
        for status, some in groupby(ordered, key=lambda claim: claim.status)
    ]


def current_reasons(components: Collection[str]) -> dict[str, Reason]:
    """Return why each of the components that are not operational has its status, by its id, in two queries."""
    last = StatusChange.objects.filter(component=OuterRef("pk")).order_by("-at").values("pk")[:1]
    newest = Component.objects.filter(pk__in=components).values(last=Subquery(last))
    changes = list(StatusChange.objects.filter(pk__in=newest).exclude(status=ComponentStatus.OPERATIONAL))
    incidents = Incident.objects.in_bulk({cause for change in changes for cause in change.causes})
    return {
        change.component_id: Reason(
            ComponentStatus(change.status), tuple(incidents[cause] for cause in change.causes if cause in incidents)
        )
        for change in changes
    }


def worse_than(said: Mapping[str, ComponentStatus | str]) -> list[SafeString]:
    """Return sentences about the components that are worse than what was said of them, by their ids."""
    reasons = current_reasons(said)
    worse = {key: one for key, one in reasons.items() if one.status.severity > ComponentStatus(said[key]).severity}
    by_reason: dict[Reason, list[Component]] = {}
    for component in Component.objects.filter(pk__in=worse).in_page_order():
        by_reason.setdefault(worse[component.pk], []).append(component)
    return [reason.stays_for(some) for reason, some in by_reason.items()]


def without(incident: Incident) -> list[SafeString]:
    """Return what would become of the incident's components without it; nothing of those that are operational."""
    components = Component.objects.filter(pk__in=named_components(incident)).in_page_order()
    others = reasons_of_others([component.pk for component in components], incident)
    return [line for one in components if (line := _without(one, others.get(one.pk, [])))]


def _without(component: Component, others: Sequence[Reason]) -> SafeString:
    reason = others[0] if others else None
    if reason and reason.status == component.status:
        return reason.stays_for([component])
    if component.status == ComponentStatus.OPERATIONAL:
        return SafeString()
    after = reason.because if reason else state(ComponentStatus.OPERATIONAL)
    return format_html("{}: {} → {}", passage(component.name), state(component.status), after)


def linked(incident: Incident) -> SafeString:
    """Return the title in quotation marks, with a link to the incident's page in the newsroom."""
    quoted = format_html(pgettext("a title in quotation marks", "“{title}”"), title=passage(incident.title))
    return format_html('<a href="{}">{}</a>', incident_page(incident), quoted)


def joined(parts: Sequence[SafeString]) -> SafeString:
    """Return “A, B and C” as markup."""
    return mark_safe(listed(parts))  # noqa: S308 - the parts are escaped, what joins them is a translation
