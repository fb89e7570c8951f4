"""Open forms: what is typed is kept on the server and offered again, and others see who is writing."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, wraps
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect, JsonResponse, QueryDict
from django.template.response import TemplateResponse
from django.urls import Resolver404, resolve, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from .. import operations
from ..formats import time_of_day
from ..models import Incident, UnsavedForm
from ..operations import FormPlace
from ..shortening import shorten
from ..status import Kind, Phase
from .addresses import NUL, incident_page
from .forms.statements import CHECK
from .shared import writer

# Hidden in every form that is kept: names the row.
UNSAVED = "unsaved"
_RESTORE = "restore"
_KEY = re.compile(r"[0-9a-f]{32}")
_MAX_PATH = 200
_OFFERED = 3
_EXCERPT = 200
# Fields that nobody fills in.
_NOT_KEPT = {"csrfmiddlewaretoken", "preview", "template", "seen", "action", "take", "typed", "left", "path", UNSAVED}

View = Callable[..., HttpResponse]


@dataclass(frozen=True)
class Writer:
    """Somebody who has a form open, for others to see."""

    sentence: SafeString
    incident: Incident | None


@dataclass(frozen=True)
class OfferedForm:
    """A form that its writer left without saving."""

    form: UnsavedForm

    @property
    def excerpt(self) -> tuple[str, str]:
        """The longest text typed, shortened, and its language; empty if that is unknown."""
        codes = {name: name.rpartition("_")[2] for name in self.form.values}
        languages = dict(settings.LANGUAGES)
        written = [name for name, code in codes.items() if code in languages or name == "quote"]
        name = max(written, key=lambda one: len(self.form.values[one]), default="")
        text = shorten(self.form.values.get(name, ""), lambda part: len(part) <= _EXCERPT)
        return text, codes[name] if codes.get(name) in languages else ""


class UnsavedForms:
    """What a page shows of forms that are open or were left. Nothing is looked up that the page does not show."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request

    @cached_property
    def kept(self) -> list[OfferedForm]:
        """What this user typed into the form at this address and never saved, the newest first, no text twice.

        On the page of an incident, what was typed into those of its forms that cannot be opened any more.
        """
        forms = UnsavedForm.objects.with_text().filter(user=writer(self.request)).select_related("incident")
        match, path = self.request.resolver_match, self.request.path
        if match and (match.url_name or "").endswith("_change"):
            found = [form for form in forms.filter(incident=match.kwargs["object_id"]) if _cannot_be_opened(form)]
        else:
            found = list(forms.filter(Q(path=path) | Q(path__startswith=f"{path}?")))
        offered: dict[object, UnsavedForm] = {}
        for form in found:
            offered.setdefault((form.path.partition("?")[0], frozenset(form.content.items())), form)
        return [OfferedForm(form) for form in list(offered.values())[:_OFFERED]]

    @cached_property
    def writers(self) -> list[Writer]:
        """Who else is writing: of the page's incident, of a new one where that is what the page is for, or of any."""
        return writers(self.request, self._scope)

    @property
    def writers_at(self) -> str:
        """Where the script asks for them."""
        return f"{reverse('admin:writers')}?{urlencode(self._scope)}"

    @property
    def is_titled(self) -> bool:
        """Whether the incidents have to be named."""
        return not self._scope

    @cached_property
    def _scope(self) -> dict[str, str]:
        match = self.request.resolver_match
        given = match.kwargs if match else {}
        if incident := given.get("incident_id") or given.get("object_id"):
            return {"incident": incident}
        return {"new": "yes"} if match and (match.url_name or "").endswith("_add") else {}


def writers(request: HttpRequest, scope: Mapping[str, str]) -> list[Writer]:
    """Who else has a form open now: `incident` restricts it to one by its id, `new` to those not stored yet."""
    forms = UnsavedForm.objects.open_at(timezone.now()).exclude(user=writer(request))
    if "incident" in scope:
        forms = forms.filter(incident=scope["incident"])
    elif "new" in scope:
        forms = forms.filter(incident=None)
    seen = {(form.user_id, form.step, form.incident_id): form for form in forms.select_related("user", "incident")}
    ordered = sorted(seen.values(), key=lambda form: (str(form.user), form.step))
    may = writer(request).has_perm
    return [Writer(_sentence(form), form.incident) for form in ordered if may(f"incidents.view_{form.kind}")]


@require_GET
def show_writers(request: HttpRequest) -> HttpResponse:
    """The names alone, for the script that asks for them: `?incident=ID`, `?new=yes`, or all."""
    context = {"writers": writers(request, request.GET), "is_titled": not request.GET}
    return TemplateResponse(request, "admin/newsroom/_writers.html", context)


@require_POST
def keep(request: HttpRequest) -> HttpResponse:
    """The script's report of an open form, eight seconds after the last one at the latest.

    `unsaved` is the form's key and `path` the address of its page. `typed` is “yes” if the form's
    fields follow, “no” if there is nothing to keep; without it, what is kept stays. With `left` the
    tab was left. Answers 400 to what is no form of the newsroom, 403 without the right to send
    that form, and 409 if it was saved already: then the page needs a new key.
    """
    key, path = request.POST.get(UNSAVED, ""), request.POST.get("path", "")
    place = place_of(path)
    if place is None or not _KEY.fullmatch(key):
        return HttpResponseBadRequest()
    right = "add" if place.step == "add" else "change"
    if not writer(request).has_perm(f"incidents.{right}_{place.kind}"):
        return HttpResponse(status=403)
    kept_values: dict[str, dict[str, str]] = {"yes": _values(request), "no": {}}
    values = kept_values.get(request.POST.get("typed", ""))
    if not operations.keep_form(by=writer(request), key=key, place=place, values=values):
        return HttpResponse(status=409)
    if "left" in request.POST:
        operations.leave_form(by=writer(request), key=key)
    sentence = _("Your text is kept on the server ({time}).").format(time=time_of_day(timezone.now()))
    return JsonResponse({"said": sentence if values else ""})


@require_POST
def discard(request: HttpRequest) -> HttpResponse:
    """Discard what was kept, and go back to the form, or with `incident` to the page of its incident."""
    form = _own_form(request, request.POST.get(UNSAVED, ""))
    if form is None:
        return HttpResponseRedirect(reverse("admin:index"))
    operations.close_form(by=writer(request), key=form.key)
    there = incident_page(form.incident) if form.incident and "incident" in request.POST else form.path
    return HttpResponseRedirect(there)


def keeps_form(view: View) -> View:
    """A view of a form that is kept while it is typed.

    With `restore`, the key of a kept form, it gets what was typed as if that had been sent to be checked: nothing
    is saved. Once the view has stored the form, and so redirects, nothing of it is kept any more.
    """

    @wraps(view)
    def keeping(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method == "POST" and _RESTORE in request.POST:
            typed = _typed(request, request.POST[_RESTORE])
            if typed is None:
                messages.info(request, _("This text is not kept any more: it was saved or discarded."))
                return HttpResponseRedirect(request.get_full_path())
            request.POST = typed  # type: ignore[assignment]  # a copy can be written to
        response = view(request, *args, **kwargs)
        key = request.POST.get(UNSAVED, "")
        if request.method == "POST" and isinstance(response, HttpResponseRedirect) and _KEY.fullmatch(key):
            operations.close_form(by=writer(request), key=key)
        return response

    return keeping


def _typed(request: HttpRequest, key: str) -> QueryDict | None:
    form = _own_form(request, key)
    if form is None or form.typed_at is None:
        return None
    data = QueryDict(mutable=True)
    data.update({**form.values, UNSAVED: form.key, "action": CHECK})
    return data


def _own_form(request: HttpRequest, key: str) -> UnsavedForm | None:
    return UnsavedForm.objects.filter(user=writer(request), key=key.replace(NUL, "")).first()


def place_of(path: str) -> FormPlace | None:
    """The form at an address of the newsroom, or None if there is none."""
    if len(path) > _MAX_PATH or NUL in path:
        return None
    try:
        match = resolve(path.partition("?")[0])
    except Resolver404:
        return None
    _app, _separator, rest = (match.url_name or "").partition("_")
    kind, _separator, step = rest.partition("_")
    if match.namespace != "admin" or kind not in set(Kind) or step not in _sentences(kind):
        return None
    if step == "add":
        return FormPlace(path, kind, step)
    incident = Incident.objects.filter(pk=match.kwargs["incident_id"], kind=kind).first()
    return FormPlace(path, kind, step, incident.pk) if incident else None


def _cannot_be_opened(form: UnsavedForm) -> bool:
    # Somebody else has published, discarded or reopened what it was about: its address shows something else by now.
    incident = form.incident
    if incident is None:
        return False
    if form.step == "postmortem":
        drafts = incident.updates.filter(phase=Phase.POSTMORTEM, published_at=None)
        return not incident.is_over or drafts.exists()
    if form.step not in {"draft", "correct"}:
        return False
    update_id = resolve(form.path.partition("?")[0]).kwargs["update_id"]
    update = incident.updates.filter(pk=update_id).first()
    return update is None or update.is_public == (form.step == "draft")


def _sentences(kind: str) -> dict[str, str]:
    # By the step in the names of the newsroom's addresses.
    new = _("{who} is planning maintenance.") if kind == Kind.MAINTENANCE else _("{who} is writing a new incident.")
    return {
        "add": new,
        "update": _("{who} is writing an update."),
        "postmortem": _("{who} is writing a postmortem."),
        "draft": _("{who} is editing a draft."),
        "details": _("{who} is editing the details."),
        "correct": _("{who} is correcting an update."),
    }


def _sentence(form: UnsavedForm) -> SafeString:
    user: Any = form.user
    who = format_html("<b>{}</b>", user.get_full_name() or user.get_username())
    return format_html(_sentences(form.kind)[form.step], who=who)


def _values(request: HttpRequest) -> dict[str, str]:
    given = [(name.replace(NUL, ""), str(value).replace(NUL, "")) for name, value in request.POST.items()]
    return {name: value for name, value in given if name not in _NOT_KEPT}
