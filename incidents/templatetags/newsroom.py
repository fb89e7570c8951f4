"""Tags for the newsroom's templates: `{% load newsroom %}`."""

from django import template
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from ..admin.addresses import incident_page
from ..models import DeliveryState, Incident
from ..notifications.monitoring.progress import Progress
from ..text import Text

register = template.Library()

# From what is done to what is still to do; who is skipped is no part of the audience.
_IN_THE_BAR = [
    DeliveryState.SENT,
    DeliveryState.SENDING,
    DeliveryState.UNCERTAIN,
    DeliveryState.FAILED,
    DeliveryState.DEFERRED,
    DeliveryState.QUEUED,
]


@register.simple_tag
def newsroom(incident: Incident, step: str = "change", *args: object) -> str:
    """The address of a page about an incident: its own, or a step such as `update`, `draft`, `withdraw`."""
    return incident_page(incident, step, *args)


@register.simple_tag
def newsroom_list(kind: str, view: str = "changelist") -> str:
    """The address of a page about all incidents, or all maintenance."""
    return reverse(f"admin:incidents_{kind}_{view}")


@register.filter
def in_language(text: Text, code: str) -> str:
    """The text in exactly this language; empty where it is missing."""
    return text.get(code, "")


@register.filter
def amount(number: int) -> str:
    """A whole number as people write it: 12.400 or 12,400."""
    return number_format(number, 0, use_l10n=True, force_grouping=True)


@register.simple_tag
def delivery_bar(progress: Progress) -> SafeString:
    """The audience as a bar, a part for each state; attributes and no styles, which the policy forbids."""
    shares, place = [], 0.0
    for state in _IN_THE_BAR:
        width = 100 * progress.counts[state] / max(progress.audience, 1)
        shares.append((state.value, f"{place:.3f}", f"{width:.3f}"))
        place += width
    parts = format_html_join("", '<rect class="bar-{}" x="{}" width="{}" height="4"/>', shares)
    words = gettext("%(sent)s of %(all)s sent") % {"sent": amount(progress.sent), "all": amount(progress.audience)}
    return format_html(
        '<svg class="bar" role="img" aria-label="{}" viewBox="0 0 100 4" preserveAspectRatio="none">{}</svg>',
        words,
        parts,
    )


@register.simple_tag
def pause_between(progress: Progress) -> int:
    """Seconds until the panel's figures are asked for again; 0 once they do not move any more."""
    if not progress.is_live:
        return 0
    return {"sending": 3, "held": 2}.get(progress.status, 15)
