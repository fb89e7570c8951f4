"""Edit an incident's details, and correct a public update."""

import json

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.utils.translation import gettext as _

from .. import operations
from ..models import Incident, Update, Version
from ..operations import snapshots
from ..operations.snapshots import Collision
from ..staff import rights
from ..wording import words
from .addresses import incident_page
from .base import NewsroomAdmin
from .bringing_back import bring_back, bring_back_text, chosen_version, to_correction, version_count
from .collisions import gone, keeps_text
from .forms.details import DetailsForm
from .forms.opened import OPENED
from .forms.postmortem import SectionedCorrectionForm, has_sections, is_sectioned
from .forms.statements import CHECK, CorrectionForm
from .last_changes import last_correction, last_saved
from .publishing_warnings import say_done
from .shared import actor, changeable, page, publishable, say_repeated, say_what_happened, update_of
from .times import Effects, effects_of


@keeps_text
def details(admin: NewsroomAdmin, request: HttpRequest, incident_id: str) -> HttpResponse:
    """A change of a public incident's start or end is saved once staff have seen what it changes for readers."""
    incident = changeable(admin, request, incident_id)
    if not request.user.has_perm(rights.edit(incident)):
        raise PermissionDenied
    form = details_form(request.POST or None, incident)
    if version := chosen_version(request, incident):
        bring_back(form, version, needed={"ended_at"})
    effects: Effects | None = None
    checking = request.POST.get("action") == CHECK
    if form.is_ready() and form.is_valid():
        try:
            if incident.is_public and form.moves_times and (checking or request.POST.get("times") != form.times):
                effects = effects_of(incident, form.details(), actor(request))
            elif not checking:
                _save(request, incident, form)
                return HttpResponseRedirect(incident_page(incident))
        except ValidationError as refusal:
            form.refuse(refusal)
        except Collision as collision:
            form.follow(collision.theirs)
    context = {"title": _("Edit details"), "subtitle": words(incident.title), "form": form, "incident": incident}
    context |= {"brought_back": version, "versions": version_count(incident)}
    return page(admin, request, "details", {**context, "effects": effects, "checked": checking})


def details_form(data: QueryDict | None, incident: Incident) -> DetailsForm:
    form = DetailsForm(data, incident=incident)
    form.open_on(snapshots.of_details(incident), lambda: last_saved(incident))
    return form


def _save(request: HttpRequest, incident: Incident, form: DetailsForm) -> None:
    if form.is_repeated:
        say_repeated(request)
        return
    if form.notifies_of_move:
        _move(request, incident, form)
        return
    operations.edit_incident(incident=incident, details=form.details(), by=actor(request), opened=form.opened)
    say_done(request, incident, _("Saved.") if form.details() else _("Nothing changed."))


def _move(request: HttpRequest, incident: Incident, form: DetailsForm) -> None:
    text = form.cleaned_data["move_text"]
    update = operations.move_maintenance(
        incident=incident, details=form.details(), text=text, by=actor(request), opened=form.opened
    )
    if update is None:
        say_done(request, incident, _("Moved back. Subscribers are not notified of either change."))
    else:
        say_what_happened(request, update)


@keeps_text
def correct(admin: NewsroomAdmin, request: HttpRequest, incident_id: str, update_id: str) -> HttpResponse:
    incident = publishable(admin, request, incident_id)
    update = update_of(incident, update_id)
    if not update.is_public:
        if request.method == "POST":
            sentence = _("This update was turned back into a draft in the meantime. What you wrote is kept here.")
            return gone(admin, request, incident, sentence, draft=update)
        return HttpResponseRedirect(incident_page(incident, "draft", update.pk))
    form = correction_form(request.POST or None, update)
    if version := chosen_version(request, incident, update):
        bring_back_text(form, version)
    if form.is_ready() and form.is_valid() and request.POST.get("action") != CHECK:
        try:
            _correct(request, update, form)
        except ValidationError as refusal:
            form.refuse(refusal)
        except Collision as collision:
            form.follow(collision.theirs)
        else:
            return HttpResponseRedirect(incident_page(incident))
    return _correction_page(admin, request, update, form, version=version)


def instead_of_published(admin: NewsroomAdmin, request: HttpRequest, update: Update) -> HttpResponse:
    """What the form of a draft shows once somebody has published the draft: its correction."""
    return _correct_published(admin, request, update) if request.method == "POST" else to_correction(request, update)


def _correct_published(admin: NewsroomAdmin, request: HttpRequest, update: Update) -> HttpResponse:
    """The form of a draft that somebody else has published, as a correction; nothing is stored yet."""
    data = request.POST.copy()
    stored, opened = snapshots.of_text(update), CorrectionForm(data, update=update).opened
    data[OPENED] = json.dumps({key: opened[key] for key in stored if key in opened})
    data["notify"] = "no"
    form = correction_form(data, update)
    form.is_ready()
    return _correction_page(admin, request, update, form, published=True)


def correction_form(data: QueryDict | None, update: Update) -> CorrectionForm:
    sections = is_sectioned(update) if data is None else has_sections(data)
    form = (SectionedCorrectionForm if sections else CorrectionForm)(data, update=update)
    form.open_on(snapshots.of_text(update), lambda: last_correction(update))
    return form


def _correction_page(
    admin: NewsroomAdmin,
    request: HttpRequest,
    update: Update,
    form: CorrectionForm,
    *,
    published: bool = False,
    version: Version | None = None,
) -> HttpResponse:
    incident = update.incident
    context = {"title": _("Correct the update"), "subtitle": words(incident.title), "form": form, "incident": incident}
    context |= {"update": update, "published": published, "checked": request.POST.get("action") == CHECK}
    context |= {"brought_back": version, "versions": version_count(incident, update)}
    return page(admin, request, "correct", context)


def _correct(request: HttpRequest, update: Update, form: CorrectionForm) -> None:
    if form.is_translation:
        _add_translation(request, update, form)
        return
    said = {name: form.cleaned_data[name] for name in form.names}
    notify = form.cleaned_data.get("notify") == "yes"
    before = update.corrected_at
    corrected = operations.correct_update(update=update, notify=notify, by=actor(request), opened=form.opened, **said)
    changed = corrected.corrected_at != before
    if not changed and form.is_outdated:
        say_repeated(request)
    else:
        say_done(request, update.incident, _("Corrected.") if changed else _("Nothing changed."))


def _add_translation(request: HttpRequest, update: Update, form: CorrectionForm) -> None:
    notify = form.cleaned_data.get("notify_translation") == "yes"
    text = form.cleaned_data["text"]
    operations.add_translation(update=update, text=text, notify=notify, by=actor(request), opened=form.opened)
    say_done(request, update.incident, _("Translation added."))
