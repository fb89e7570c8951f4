"""Two people at once: the updates that a form does not show, and what remains of a form whose subject is gone."""

from collections.abc import Callable
from functools import wraps

from django.conf import settings
from django.db.models import QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from ..models import Incident, Update
from ..models.fields import LocalizedFormField
from ..models.ids import new_id
from .addresses import is_id
from .base import NewsroomAdmin
from .forms.details import NAMES
from .forms.fields import model_fields
from .forms.opened import CHANGED, OPENED, TAKE, OpenedForm
from .shared import page

View = Callable[..., HttpResponse]
_WRITTEN = ("text", "quote")
# What a new form must not take over from the one that has lost its subject.
_OWN = {"csrfmiddlewaretoken", "id", "action", "preview", "template", OPENED, CHANGED, TAKE}


def updates_since(form: OpenedForm, incident: Incident) -> list[Update]:
    """The updates that were published since the form was opened, if it has to show them."""
    since = form.changes.since
    if since is None:
        return []
    published = _public(incident).select_related("author")
    if since:
        known = incident.updates.filter(pk=since if is_id(since) else "", published_at__isnull=False)
        published = published.filter(published_at__gt=Subquery(known.values("published_at")))
    return list(published[:5])


def _public(incident: Incident) -> QuerySet[Update]:
    return incident.updates.filter(published_at__isnull=False).order_by("-published_at", "-id")


def keeps_text(view: View) -> View:
    """A view whose incident or update somebody else deleted shows what was typed instead of “not found”."""

    @wraps(view)
    def kept(admin: NewsroomAdmin, request: HttpRequest, incident_id: str, **kwargs: str) -> HttpResponse:
        try:
            return view(admin, request, incident_id, **kwargs)
        except Http404:
            if request.method != "POST" or not admin.has_change_permission(request):
                raise
            incident = admin.get_queryset(request).filter(pk=incident_id).first()
            return gone(admin, request, incident, _("This was deleted in the meantime. What you wrote is kept here."))

    return kept


def gone(
    admin: NewsroomAdmin, request: HttpRequest, incident: Incident | None, sentence: str, *, draft: Update | None = None
) -> HttpResponse:
    """A page with what was typed, to continue with it in a new update or incident; or in a draft, by hand."""
    step, where = ("update", [incident.pk]) if incident else ("add", [])
    typed = {name: value for name, value in request.POST.items() if name not in _OWN and isinstance(value, str)}
    typed["id"] = new_id()  # of the form that continues; without an id it could not be stored
    context = {
        "title": _("Changed in the meantime"),
        "sentence": sentence,
        "texts": _texts(admin, typed),
        "typed": typed,
        "incident": incident,
        "draft": draft,
        "continue_at": reverse(f"admin:incidents_{admin.kind}_{step}", args=where),
    }
    return page(admin, request, "gone", context, status=409)


def _texts(admin: NewsroomAdmin, typed: dict[str, str]) -> list[tuple[str, str, str]]:
    # The label, language and content of each text.
    fields = {**model_fields(Incident, *NAMES[admin.kind]), **model_fields(Update, *_WRITTEN)}
    boxes = {name: (str(box.label), "") for name, box in fields.items() if name in _WRITTEN}
    for name, box in fields.items():
        if isinstance(box, LocalizedFormField):
            boxes |= {f"{name}_{code}": (str(box.label), code) for code, _name in settings.LANGUAGES}
    return [(*boxes[name], typed[name]) for name in boxes if typed.get(name, "").strip()]
