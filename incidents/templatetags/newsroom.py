"""Template tags of the newsroom: `{% load newsroom %}`."""

from collections.abc import Iterable
from typing import Any

from django import template
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst
from django.utils.translation import get_language, gettext, ngettext, pgettext

from ..admin import markup_help
from ..admin.addresses import incident_page
from ..admin.differences import Part
from ..labels import COMPONENT_STATUSES
from ..models import AuditEntry, DeliveryState, Incident
from ..notifications.monitoring.progress import Progress
from ..notifications.monitoring.subjects import subject
from ..staff.roles import group_label
from ..staff.sentences import sentence
from ..text import Text

register = template.Library()

register.filter(group_label)
register.simple_tag(subject)

# From done to outstanding; skipped deliveries are not part of the audience.
_IN_THE_BAR = [
    DeliveryState.SENT,
    DeliveryState.SENDING,
    DeliveryState.UNCERTAIN,
    DeliveryState.FAILED,
    DeliveryState.DEFERRED,
    DeliveryState.QUEUED,
]


@register.filter
def deed(entry: AuditEntry) -> str:
    """Return what an entry of the audit log records, in the reader's language."""
    status = entry.after.get("set_by_hand")
    said = f"{sentence(entry.operation)}: {COMPONENT_STATUSES[status]}" if status else sentence(entry.operation)
    return capfirst(f"{said}.")


@register.filter
def transfer(entry: AuditEntry) -> str:
    """Return how many subscribers an import or export had, and its file."""
    words = {"count": entry.after.get("number", 0), "file": entry.after.get("file", "")}
    if entry.operation == "export_subscribers":
        said = ngettext(
            "Exported %(count)d subscriber to %(file)s.", "Exported %(count)d subscribers to %(file)s.", words["count"]
        )
        return said % words
    words["source"] = entry.after.get("consent_source") or gettext("as given in the file")
    said = ngettext(
        "Imported %(count)d subscriber from %(file)s (source of consent: %(source)s).",
        "Imported %(count)d subscribers from %(file)s (source of consent: %(source)s).",
        words["count"],
    )
    return said % words


@register.simple_tag
def newsroom(incident: Incident, step: str = "change", *args: object) -> str:
    """Return the address of an incident's page, or of a step such as `update`, `draft` or `withdraw`."""
    return incident_page(incident, step, *args)


@register.simple_tag
def newsroom_list(kind: str, view: str = "changelist") -> str:
    """Return the address of a page about all incidents or all maintenance."""
    return reverse(f"admin:incidents_{kind}_{view}")


@register.inclusion_tag("admin/_markup_help.html", name="markup_help")
def explained_markup() -> dict[str, Any]:
    """Show what may be written in Markdown, and what readers see."""
    return {"examples": markup_help.examples()}


@register.filter
def in_language(text: Text, code: str) -> str:
    """Return the text in exactly this language, or ""."""
    return text.get(code, "")


@register.filter
def amount(number: int) -> str:
    """Return a whole number with thousands separators: 12.400 or 12,400."""
    return number_format(number, 0, use_l10n=True, force_grouping=True)


@register.simple_tag
def difference(parts: Iterable[Part]) -> SafeString:
    """Return a text with the words that were removed and added marked, also for screen readers."""
    return format_html_join("", "{}", ((_marked(part),) for part in parts))


def _marked(part: Part) -> SafeString | str:
    if part.kind == "same":
        return part.text
    removed = part.kind == "removed"
    begins = pgettext("before words", "removed:") if removed else pgettext("before words", "added:")
    marked = part.text.rstrip(" ")
    # The blanks after the words are outside, so that no line is drawn through them.
    pattern = "<del>{}{}{}</del>{}" if removed else "<ins>{}{}{}</ins>{}"
    return format_html(pattern, _unseen(f"[{begins} "), marked, _unseen("]"), part.text[len(marked) :])


def _unseen(words: str) -> SafeString:
    # In the language of the page, amid a text that may be in another one.
    return format_html('<span class="visually-hidden" lang="{}">{}</span>', get_language() or "", words)


@register.simple_tag
def delivery_bar(progress: Progress) -> SafeString:
    """Return the audience as a bar with a part per state, without inline styles, which the policy forbids."""
    shares, offset = [], 0.0
    for state in _IN_THE_BAR:
        width = 100 * progress.counts[state] / max(progress.audience, 1)
        shares.append((state.value, f"{offset:.3f}", f"{width:.3f}"))
        offset += width
    parts = format_html_join("", '<rect class="bar-{}" x="{}" width="{}" height="4"/>', shares)
    label = gettext("%(sent)s of %(all)s sent") % {"sent": amount(progress.sent), "all": amount(progress.audience)}
    return format_html(
        '<svg class="progress-bar" role="img" aria-label="{}" viewBox="0 0 100 4" preserveAspectRatio="none">{}</svg>',
        label,
        parts,
    )


@register.simple_tag
def poll_interval(progress: Progress) -> int:
    """Return seconds until the panel requests its figures again; 0 once they no longer change."""
    if not progress.is_live:
        return 0
    return {"sending": 3, "held": 2}.get(progress.status, 15)


@register.filter
def column_labels(headers: Iterable[dict[str, Any]]) -> list[str]:
    """Return `data-label` with the name of each column of a list, for its cells; "" for the boxes that choose rows."""
    return [
        ""
        if "action-checkbox" in header.get("class_attrib", "")
        else format_html(' data-label="{}"', capfirst(header.get("text", "")))
        for header in headers
    ]


@register.filter
def labelled(cells: Iterable[str], labels: Iterable[str]) -> SafeString:
    """Return the cells of a row of a list, each `<td>` with its column's label."""
    row = [
        cell.replace("<td", f"<td{label}", 1) if cell.startswith("<td") else cell
        for cell, label in zip(cells, labels, strict=False)
    ]
    return mark_safe("".join(row))  # noqa: S308 - cells that Django has made
