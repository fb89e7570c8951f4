"""Set the status of components by hand, from their list: asked first, with what readers will see."""

from dataclasses import dataclass

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext

from .. import operations
from ..labels import COMPONENT_STATUSES
from ..models import Component
from ..operations.snapshots import Collision
from ..status import ComponentStatus, worst_of
from ..wording import state, words
from .causes import Reason, reasons_of_others, worse_than
from .shared import actor


@dataclass(frozen=True)
class StatusToConfirm:
    """What readers see of a component before and after; `stays` is why it is worse than the status that is set."""

    component: Component
    seen: str
    before: SafeString
    after: SafeString
    stays: SafeString | str


def set_status(
    status: ComponentStatus,
    model_admin: "admin.ModelAdmin[Component]",
    request: HttpRequest,
    queryset: QuerySet[Component],
) -> HttpResponse | None:
    """An admin action that sets the status of the selected components, outside any incident, once it is confirmed.

    One whose status is another than in the list that the writer saw stays as it is.
    """
    selected = list(queryset.order_by("pk"))  # a list filtered by status has other rows afterwards
    if "confirmed" not in request.POST:
        return _confirmation(status, model_admin, request, selected)
    done = [component for component in selected if _set_status_seen(status, request, component)]
    if done:
        _say_set(request, len(done))
    for worse in worse_than(dict.fromkeys([component.pk for component in done], status)):
        messages.warning(request, worse)
    return None


def _confirmation(
    status: ComponentStatus, model_admin: "admin.ModelAdmin[Component]", request: HttpRequest, selected: list[Component]
) -> HttpResponse:
    reasons = reasons_of_others([component.pk for component in selected])
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": gettext("Set status: %(status)s") % {"status": COMPONENT_STATUSES[status]},
        "action": request.POST.get("action", ""),
        "outcomes": [_outcome(status, request, one, reasons.get(one.pk, [])) for one in selected],
    }
    return TemplateResponse(request, "admin/newsroom/set_status.html", context)


def _outcome(
    status: ComponentStatus, request: HttpRequest, component: Component, reasons: list[Reason]
) -> StatusToConfirm:
    # A status set by hand is replaced; what incidents cause remains. The worst reason comes first.
    remaining = next((reason for reason in reasons if reason.incidents), None)
    result = worst_of([status, remaining.status]) if remaining else status
    seen = request.POST.get(f"status-{component.pk}", component.status)
    stays = remaining.stays if remaining and result != status else ""
    return StatusToConfirm(component, seen, state(component.status), state(result), stays)


def _set_status_seen(status: ComponentStatus, request: HttpRequest, component: Component) -> bool:
    seen = request.POST.get(f"status-{component.pk}")  # of components on other pages of the list there is none
    opened = None if seen is None else {"status": seen}
    try:
        operations.set_component_status(component=component, status=status, by=actor(request), opened=opened)
    except Collision as collision:
        sentence = gettext(
            "%(name)s was not changed: it has been set to “%(status)s” in the meantime. Choose again if you still "
            "want to change it."
        )
        now = COMPONENT_STATUSES[ComponentStatus(collision.theirs["status"])]
        messages.warning(request, sentence % {"name": words(component.name), "status": now})
        return False
    return True


def _say_set(request: HttpRequest, number: int) -> None:
    sentence = ngettext(
        "%(count)d component changed. Only webhooks are notified.",
        "%(count)d components changed. Only webhooks are notified.",
        number,
    )
    messages.success(request, sentence % {"count": number})
